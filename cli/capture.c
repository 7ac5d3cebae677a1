// SPDX-License-Identifier: GPL-2.0-or-later
/* The frames of a capture file. */

#include "cli/capture.h"

#include <pcap/pcap.h>
#include <string.h>

#include "base/error.h"

#define PCAP_FRAME_MAX 262144 /* the longest snapshot that tcpdump takes */

static gboolean
hand_over(const struct pcap_pkthdr *header, const u_char *data, guint number, CaptureFn fn, gpointer user_data,
	  GError **error)
{
	/* A frame that was cut when it was captured is as long as it was: else its headers would not add up. */
	gsize len = CLAMP(header->len, header->caplen, MAX(header->caplen, PCAP_FRAME_MAX));
	g_autofree guint8 *bytes = g_malloc0(len + 1);

	memcpy(bytes, data, header->caplen);
	if (fn(bytes, len, number, user_data, error))
		return TRUE;
	g_prefix_error(error, "packet %u: ", number);
	return FALSE;
}

gboolean
capture_read(const char *file, CaptureFn fn, gpointer user_data, GError **error)
{
	char problem[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(file, problem);
	struct pcap_pkthdr *header;
	const u_char *data;
	gboolean ok = TRUE;
	int status;

	if (!pcap) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s: %s", file, problem);
		return FALSE;
	}
	if (pcap_datalink(pcap) != DLT_EN10MB) {
		sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s: holds no Ethernet frames", file);
		pcap_close(pcap);
		return FALSE;
	}
	for (guint number = 1; ok && (status = pcap_next_ex(pcap, &header, &data)) != PCAP_ERROR_BREAK; number++) {
		if (status == PCAP_ERROR) {
			sluice_error_set(error, SLUICE_ERROR_INVALID_ARG, "%s: packet %u: %s", file, number,
					 pcap_geterr(pcap));
			ok = FALSE;
		} else {
			ok = hand_over(header, data, number, fn, user_data, error);
		}
	}
	pcap_close(pcap);
	return ok;
}

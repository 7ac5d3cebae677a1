// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor's facts, as the host has them. Nothing is changed, no program is run. */
#pragma once

#include "cli/doctor.h"

#define DOCTOR_PROCESSES_MAX 4194304 /* the kernel's own bound of process numbers */
#define DOCTOR_FILES_MAX     65536

/** doctor_gather_host: all but what the daemon tells; what cannot be read is noted in @facts->lacks */
void doctor_gather_host(DoctorFacts *facts, const SluicePaths *paths);

/** doctor_gather_files: networks and bindings from the daemon's files, for when it does not answer */
void doctor_gather_files(DoctorFacts *facts, const SluicePaths *paths);

/** doctor_gather_sockets: who holds the ports that DHCP and DNS need, and which of libvirt's daemons run */
void doctor_gather_sockets(DoctorFacts *facts, const SluicePaths *paths);

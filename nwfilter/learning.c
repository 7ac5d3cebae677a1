// SPDX-License-Identifier: GPL-2.0-or-later
/* What a port learns, and the rules until then. */

#include "nwfilter/learning.h"

#include "base/error.h"
#include "rules/nft_learn.h"

static const char *const method_names[NW_LEARN_METHOD_COUNT] = {
	[NW_LEARN_ANY] = "any",
	[NW_LEARN_DHCP] = "dhcp",
	[NW_LEARN_NONE] = "none",
};

/* Of each family: the variable that is learned, and the one that lists its DHCP servers. */
static const struct {
	guint16 family;
	const char *variable, *servers;
} families[] = {
	{ AF_INET, "IP", "DHCPSERVER" },
	{ AF_INET6, "IPV6", "DHCPSERVERV6" },
};

const char *
nw_learn_method_name(NwLearnMethod method)
{
	return method_names[method];
}

/* The only value of a parameter; NULL: it is not given. */
static gboolean
param_word(const NwBinding *binding, const char *name, const char **ret_word, GError **error)
{
	const GPtrArray *values = binding->params ? rule_vars_get(binding->params, name) : NULL;

	*ret_word = NULL;
	if (!values)
		return TRUE;
	*ret_word = values->pdata[0];
	if (values->len == 1)
		return TRUE;
	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "parameter %s of port '%s' is given more than once", name,
			 binding->port_dev);
	return FALSE;
}

static gboolean
read_params(const NwBinding *binding, NwLearning *learning, GError **error)
{
	const char *word;
	guint64 number;

	learning->method = NW_LEARN_ANY;
	learning->claims_max = NW_LEARN_MAX_DEFAULT;
	if (!param_word(binding, NW_LEARN_PARAM, &word, error))
		return FALSE;
	if (word) {
		guint method = 0;

		while (method < NW_LEARN_METHOD_COUNT && g_ascii_strcasecmp(word, method_names[method]))
			method++;
		if (method == NW_LEARN_METHOD_COUNT) {
			sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
					 "parameter " NW_LEARN_PARAM
					 "='%.40s' of port '%s': expected any, dhcp or none",
					 word, binding->port_dev);
			return FALSE;
		}
		learning->method = method;
	}
	if (!param_word(binding, NW_LEARN_MAX_PARAM, &word, error))
		return FALSE;
	if (!word)
		return TRUE;
	if (!g_ascii_string_to_unsigned(word, 10, 1, NW_LEARN_MAX, &number, NULL)) {
		sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
				 "parameter " NW_LEARN_MAX_PARAM "='%.40s' of port '%s': expected 1 to %d", word,
				 binding->port_dev, NW_LEARN_MAX);
		return FALSE;
	}
	learning->claims_max = (guint)number;
	return TRUE;
}

/* One that cannot be read must not be as if none were given: then anybody would be heard. */
static gboolean
check_servers(const NwBinding *binding, GError **error)
{
	for (guint f = 0; f < G_N_ELEMENTS(families); f++) {
		const GPtrArray *values = binding->params ? rule_vars_get(binding->params, families[f].servers) : NULL;
		IpAddress address;

		if (values && values->len > NW_LEARN_SERVERS_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "port '%s': more than %d %s", binding->port_dev,
					 NW_LEARN_SERVERS_MAX, families[f].servers);
			return FALSE;
		}
		for (guint i = 0; values && i < values->len; i++) {
			if (ip_address_parse(values->pdata[i], &address) && address.family == families[f].family)
				continue;
			sluice_error_set(error, SLUICE_ERROR_XML_DETAIL,
					 "parameter %s='%.40s' of port '%s': expected an IPv%d address",
					 families[f].servers, (const char *)values->pdata[i], binding->port_dev,
					 families[f].family == AF_INET ? 4 : 6);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean
operand_awaits(const RuleOperand *operand, const RuleStep *step, const RuleVars *params, const char *variable)
{
	return operand->is_var && g_str_equal(operand->var.name, variable) &&
	       !(params && rule_vars_get(params, variable)) &&
	       !(step->defaults && rule_vars_get(step->defaults, variable));
}

static gboolean
program_awaits(RuleProgram *program, const RuleVars *params, const char *variable)
{
	const GPtrArray *steps = rule_program_var_steps(program);

	for (guint i = 0; i < steps->len; i++) {
		const RuleStep *step = steps->pdata[i];

		for (guint k = 0; k < step->matches->len; k++) {
			const RuleMatch *match = step->matches->pdata[k];

			if (operand_awaits(&match->low, step, params, variable) ||
			    (match->has_high && operand_awaits(&match->high, step, params, variable)))
				return TRUE;
		}
	}
	return FALSE;
}

gboolean
nw_learning_of(const NwBinding *binding, RuleProgram *program, NwLearning *ret_learning, GError **error)
{
	NwLearning learning = { 0 };

	if (!read_params(binding, &learning, error))
		return FALSE;
	learning.ipv4 = program_awaits(program, binding->params, families[0].variable);
	learning.ipv6 = program_awaits(program, binding->params, families[1].variable);
	if (nw_learning_is_needed(&learning) && !check_servers(binding, error))
		return FALSE;
	*ret_learning = learning;
	return TRUE;
}

gboolean
nw_learning_is_needed(const NwLearning *learning)
{
	return learning->method != NW_LEARN_NONE && (learning->ipv4 || learning->ipv6);
}

gboolean
nw_learning_equal(const NwLearning *a, const NwLearning *b)
{
	return a->method == b->method && a->ipv4 == b->ipv4 && a->ipv6 == b->ipv6 && a->claims_max == b->claims_max;
}

static int
compare_learned(gconstpointer a, gconstpointer b)
{
	const NwLearned *x = a, *y = b;
	int order = memcmp(x->address.bytes, y->address.bytes, sizeof(x->address.bytes));

	return order ? order : (int)x->prefix_len - (int)y->prefix_len;
}

RuleVars *
nw_learning_vars(const NwBinding *binding, const NwLearning *learning, const GArray *learned)
{
	RuleVars *vars = nw_binding_vars(binding);
	g_autoptr(GArray) sorted = g_array_new(FALSE, FALSE, sizeof(NwLearned));

	/* Rules of the same addresses are the same rules, whichever came first. */
	if (learned)
		g_array_append_vals(sorted, learned->data, learned->len);
	g_array_sort(sorted, compare_learned);
	for (guint f = 0; f < G_N_ELEMENTS(families); f++) {
		if (!(families[f].family == AF_INET ? learning->ipv4 : learning->ipv6))
			continue;
		rule_vars_learn(vars, families[f].variable);
		for (guint i = 0; i < sorted->len; i++) {
			const NwLearned *one = &g_array_index(sorted, NwLearned, i);
			gboolean whole = one->prefix_len >= ip_address_bits(&one->address);
			char text[IP_TEXT_MAX];
			g_autofree char *value = NULL;

			if (one->address.family != families[f].family)
				continue;
			ip_address_format(&one->address, text);
			value = whole ? g_strdup(text) : g_strdup_printf("%s/%u", text, one->prefix_len);
			rule_vars_add_learned(vars, families[f].variable, value, one->expires, NULL);
		}
	}
	return vars;
}

guint
nw_learning_frames(const NwLearning *learning, const GArray *learned)
{
	guint known[2] = { 0 }, frames = 0;

	/* A delegated prefix is none of the addresses that are counted. */
	for (guint i = 0; learned && i < learned->len; i++) {
		const NwLearned *one = &g_array_index(learned, NwLearned, i);

		if (one->prefix_len >= ip_address_bits(&one->address))
			known[one->address.family == AF_INET6]++;
	}
	if (learning->ipv4)
		frames |= 1u << NFT_LEARN_DHCPV4;
	if (learning->ipv6)
		frames |= 1u << NFT_LEARN_DHCPV6;
	/* Whatever else it claims would not be believed. */
	if (learning->ipv4 && learning->method == NW_LEARN_ANY && known[0] < learning->claims_max)
		frames |= 1u << NFT_LEARN_ARP;
	if (learning->ipv6 && learning->method == NW_LEARN_ANY && known[1] < learning->claims_max)
		frames |= 1u << NFT_LEARN_ND;
	return frames;
}

static void
gather_addresses(const NwBinding *binding, const char *param, guint16 family, GArray *out)
{
	const GPtrArray *values = binding->params ? rule_vars_get(binding->params, param) : NULL;
	IpAddress address;

	for (guint i = 0; values && i < values->len; i++)
		if (ip_address_parse(values->pdata[i], &address) && address.family == family)
			g_array_append_val(out, address);
}

GArray *
nw_learning_servers(const NwBinding *binding, guint16 family)
{
	GArray *servers = g_array_new(FALSE, FALSE, sizeof(IpAddress));

	for (guint f = 0; f < G_N_ELEMENTS(families); f++)
		if (families[f].family == family)
			gather_addresses(binding, families[f].servers, family, servers);
	return servers;
}

GArray *
nw_learning_fixed(const NwBinding *binding)
{
	GArray *fixed = g_array_new(FALSE, FALSE, sizeof(IpAddress));

	for (guint f = 0; f < G_N_ELEMENTS(families); f++)
		gather_addresses(binding, families[f].variable, families[f].family, fixed);
	return fixed;
}

/* --- temporary rules --- */

#define OUT(action, match)    "<rule action='" action "' direction='out'>" match "</rule>\n"
#define IN(action, match)     "<rule action='" action "' direction='in'>" match "</rule>\n"
#define LINK_LOCAL	      "srcipaddr='fe80::' srcipmask='10'"
#define FROM_LINK_LOCAL(type) OUT("accept", "<ipv6 " LINK_LOCAL " protocol='icmpv6' type='" type "'/>")
#define FROM_NOWHERE(type)    OUT("accept", "<ipv6 srcipaddr='::' protocol='icmpv6' type='" type "'/>")
#define TO_GUEST(type)	      IN("accept", "<ipv6 protocol='icmpv6' type='" type "'/>")

#define LINK_LOCAL_TARGET "nd-target='fe80::' nd-target-mask='10'"
#define DISCOVERY(action, match)                                                                                       \
	"<rule action='" action "' direction='out' statematch='false'><icmpv6 " match "/></rule>\n"

/* RFC 2131 4.1, RFC 5227 2.1.1 */
static const char out_ipv4[] = OUT("accept", "<ip protocol='udp' srcportstart='68' dstportstart='67'/>");
static const char out_arp_probe[] =
	OUT("accept", "<arp opcode='Request' arpsrcmacaddr='$MAC' arpsrcipaddr='0.0.0.0'/>");
/* RFC 8415 7.2; RFC 4861 4.1, 4.3, 4.4; RFC 4862 5.4; RFC 2710 3.1, RFC 3810 5.2 */
static const char out_ipv6[] =
	OUT("accept", "<ipv6 " LINK_LOCAL " protocol='udp' srcportstart='546' dstportstart='547'/>")
		FROM_LINK_LOCAL("131") FROM_LINK_LOCAL("132") FROM_LINK_LOCAL("133") FROM_LINK_LOCAL("135")
			FROM_LINK_LOCAL("136") FROM_LINK_LOCAL("143") FROM_NOWHERE("131") FROM_NOWHERE("133")
				FROM_NOWHERE("135") FROM_NOWHERE("143");
/*
 * In the network stage, which alone sees it: the guest advertises no address but link-local ones, and no MAC address
 * but its own.
 */
static const char out_discovery[] =
	DISCOVERY("accept", "type='133' nd-options='none'") DISCOVERY("accept", "type='133' nd-lladdr='$MAC'")
		DISCOVERY("accept", "type='135' nd-options='none'") DISCOVERY("accept", "type='135' nd-lladdr='$MAC'")
			DISCOVERY("accept", "srcipaddr='::' type='135' nd-options='nonce'")
				DISCOVERY("accept", "type='136' " LINK_LOCAL_TARGET " nd-options='none'")
					DISCOVERY("accept", "type='136' " LINK_LOCAL_TARGET " nd-lladdr='$MAC'")
						DISCOVERY("drop", "type='133'") DISCOVERY("drop", "type='135'")
							DISCOVERY("drop", "type='136'");
static const char in_neighbors[] =
	TO_GUEST("130") TO_GUEST("131") TO_GUEST("134") TO_GUEST("135") TO_GUEST("136") TO_GUEST("143");

/* Answers of DHCP servers, to the guest's own address or to all. */
static void
append_answers(GString *text, const char *element, const char *server, const char *from, const char *to)
{
	static const char *const targets[] = { "$MAC", "ff:ff:ff:ff:ff:ff" };

	for (guint i = 0; i < G_N_ELEMENTS(targets); i++) {
		g_string_append_printf(text, "<rule action='accept' direction='in'><%s dstmacaddr='%s'", element,
				       targets[i]);
		if (server)
			/* A list of its own: there is one MAC address, and may be several servers. */
			g_string_append_printf(text, " srcipaddr='$%s[@1]'", server);
		g_string_append_printf(text, " protocol='udp' srcportstart='%s' dstportstart='%s'/></rule>\n", from,
				       to);
	}
}

static const char *
servers_of(const NwBinding *binding, guint f)
{
	return binding->params && rule_vars_get(binding->params, families[f].servers) ? families[f].servers : NULL;
}

NwFilter *
nw_learning_filter(const NwBinding *binding, const NwLearning *learning)
{
	const char *servers4 = servers_of(binding, 0), *servers6 = servers_of(binding, 1);
	gboolean by_dhcp = learning->method == NW_LEARN_DHCP;
	g_autofree char *name = g_strdup_printf(NW_LEARN_FILTER_PREFIX "%s%s%s", method_names[learning->method],
						learning->ipv4 ? by_dhcp && servers4 ? "-ipv4-server" : "-ipv4" : "",
						learning->ipv6 ? by_dhcp && servers6 ? "-ipv6-server" : "-ipv6" : "");
	g_autoptr(GString) text = g_string_new("<filter name='learning' vlan-policy='drop'>\n");
	g_autoptr(GError) error = NULL;
	NwFilter *filter;

	g_string_append(text, OUT("drop", "<mac match='no' srcmacaddr='$MAC'/>"));
	if (learning->ipv4)
		g_string_append(text, out_ipv4);
	if (learning->ipv4 && !by_dhcp)
		g_string_append(text, out_arp_probe);
	if (learning->ipv6)
		g_string_append_printf(text, "%s%s", out_ipv6, out_discovery);
	g_string_append(text, "<rule action='drop' direction='out' priority='1000'/>\n");
	if (by_dhcp) {
		if (learning->ipv4)
			append_answers(text, "ip", servers4, "67", "68");
		if (learning->ipv6) {
			append_answers(text, "ipv6", servers6, "547", "546");
			g_string_append(text, in_neighbors);
		}
		g_string_append(text, "<rule action='drop' direction='in' priority='1000'/>\n");
	}
	g_string_append(text, "</filter>");
	filter = nw_filter_parse(text->str, name, FALSE, NULL, &error);
	g_assert_no_error(error);
	g_free(filter->name);
	filter->name = g_steal_pointer(&name);
	return filter;
}

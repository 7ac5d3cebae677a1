// SPDX-License-Identifier: GPL-2.0-or-later
/* What the readers of filter and binding documents share: places, tolerance, parameters, references. */
#pragma once

#include "nwfilter/model.h"
#include "base/xml_reader.h"

/** nw_reader_include: read <filterref filter='…'> with its parameters */
NwInclude *nw_reader_include(XmlReader *reader, const xmlNode *node, GError **error);

/** nw_reader_rule: read <rule> */
NwRule *nw_reader_rule(XmlReader *reader, const xmlNode *node, GError **error);

void nw_include_free(NwInclude *include);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwInclude, nw_include_free)
void nw_rule_free(NwRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwRule, nw_rule_free)

// SPDX-License-Identifier: GPL-2.0-or-later
/* The filters that come with the program, embedded from nwfilter/filters. */
#pragma once

typedef struct {
	const char *name;
	const char *text; /* the whole document */
} NwShippedFilter;

/* Ends with name == NULL. */
extern const NwShippedFilter nw_shipped_filters[];

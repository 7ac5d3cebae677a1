// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests to the kernel's traffic control: HTB, its classes and leaves, u32 filters.
 *
 * All functions that return int return 0 or a negative errno, as rtnl_run() does. Filters are of one priority of ours
 * and of all protocols; those of others beside them are left alone.
 */
#pragma once

#include "vswitch/rtnl.h"

#define TC_HTB_HANDLE	0x00510000u /* 51: to be known from what others set up */
#define TC_CLASS(minor) (TC_HTB_HANDLE | (minor))
#define TC_CLASS_ID_MAX 0xffeu /* the number of a u32 filter has 12 bits */
#define TC_CLASSES_MAX	8192   /* of one answer */
#define TC_PARENT_ROOT	0xffffffffu
#define TC_PARENT_IN	0xfffffff1u /* where the qdisc for incoming packets hangs */
#define TC_FILTERS_IN	0xfffffff2u /* where its filters hang; clsact has the same */
#define TC_TICK_NS	64	    /* what HTB counts time in */

typedef struct {
	guint32 handle;
	char kind[16];
	guint32 default_class; /* of HTB: where packets without a class go */
} TcQdisc;

/* Bytes a second; buffers are times, in ticks: how long the rate takes for so many bytes. */
typedef struct {
	guint32 handle, parent;
	guint64 rate, ceil;
	guint32 buffer, cbuffer, quantum;
	guint32 leaf; /* in lists: the qdisc below; 0: the kernel's own */
} TcClass;

/* Frames to a MAC address go to a class. */
typedef struct {
	guint32 handle;	  /* 0: to be made */
	guint32 class_id; /* whole handle */
	guint8 mac[6];
} TcMacFilter;

/** tc_qdisc_get: the qdisc of a parent; 1: there is one, 0: none but what the kernel gives by itself, else an errno */
int tc_qdisc_get(Rtnl *rtnl, guint32 index, guint32 parent, TcQdisc *ret_qdisc);
int tc_qdisc_delete(Rtnl *rtnl, guint32 index, guint32 parent);

/** tc_htb_add: HTB as the root, under TC_HTB_HANDLE */
int tc_htb_add(Rtnl *rtnl, guint32 index, guint32 default_class);
/** tc_ingress_add: what filters of incoming packets hang on */
int tc_ingress_add(Rtnl *rtnl, guint32 index);

/** tc_fair_queue_set: flow queues (fq_codel) below a class; -ENOENT: the kernel has none */
int tc_fair_queue_set(Rtnl *rtnl, guint32 index, guint32 parent);
/** tc_fifo_set: one queue of so many bytes below a class; also changes its length */
int tc_fifo_set(Rtnl *rtnl, guint32 index, guint32 parent, guint32 bytes);

/** tc_class_list: (element-type TcClass) */
int tc_class_list(Rtnl *rtnl, guint32 index, GArray *ret_classes);
/** tc_class_set: make it, or change it in place */
int tc_class_set(Rtnl *rtnl, guint32 index, const TcClass *wanted);
int tc_class_delete(Rtnl *rtnl, guint32 index, guint32 handle);

/**
 * tc_mac_filter_list: our filters by MAC address
 * @ret_has_table: whether the hash table is there that they stand in
 */
int tc_mac_filter_list(Rtnl *rtnl, guint32 index, GArray *ret_filters, gboolean *ret_has_table);
/** tc_mac_table_add: a table with 256 rows, by the last byte of the destination */
int tc_mac_table_add(Rtnl *rtnl, guint32 index);
/** tc_mac_filter_handle: which number the filter of a class has */
guint32 tc_mac_filter_handle(const TcMacFilter *filter);
int tc_mac_filter_set(Rtnl *rtnl, guint32 index, const TcMacFilter *filter);
int tc_mac_filter_delete(Rtnl *rtnl, guint32 index, guint32 handle);

/** tc_redirect_get: where our filter of incoming packets sends them; 0: there is none */
int tc_redirect_get(Rtnl *rtnl, guint32 index, guint32 *ret_target, guint *ret_others);
int tc_redirect_add(Rtnl *rtnl, guint32 index, guint32 target);
int tc_redirect_delete(Rtnl *rtnl, guint32 index);

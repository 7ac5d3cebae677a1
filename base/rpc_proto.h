// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirt's RPC as seen on its wire: frames, one table of procedures, and codecs driven by that table.
 *
 * A frame is a length word (which counts itself), six header words, and an XDR payload. What a procedure takes and
 * gives is a signature in the table, one letter a value; client, server, tests and the fuzzer all read it:
 *
 *	i u	32-bit number		l	64-bit number
 *	s S	text; text or none	U	UUID, 16 raw bytes
 *	F N	a filter's or network's handle: name in @text, @uuid
 *	O	a network's handle or none: then @text is NULL
 *	P	a network port's handle: its network's name in @text and @uuid, its own UUID in @uuid2
 *	L	a DHCP lease: @list has interface, expiry, type (0 IPv4, 1 IPv6), MAC, IAID, address, prefix, host name,
 *		client id, as the letters sliSSsuSS
 *	B	a binding's handle: port device in @text, filter in @text2
 *	T	typed parameters: a list; name in @text, RpcParamType in @kind, value in @number or @text2
 *	[x	a list of x
 *
 * Besides libvirt's programs we serve one of our own, %RPC_PROGRAM_SLUICE ("sluc") version 1:
 *
 *	1 DESCRIBE: no arguments, text: "name: value" lines on back end, lowerings and counters
 *	2 NETWORK_APPLY: document and flags, text: what is changed to bring the running network to it, a line each
 *	3 NETWORK_PLUGGED: a network, list of texts: interfaces plugged into its bridge
 *	4 LEASE_LIST: a port or none for all, list of texts: what ports have learned, JSON lists of records
 *	5 LEASE_FLUSH: a port or none for all: forget it
 *	6 BINDING_EXPORT: a port, text: its binding and what it has learned, for another host
 *	8 CHECK: list of texts: what is otherwise in the kernel than it should be, a line each
 *	9 REPAIR: the same, of what was mended
 *	7 BINDING_IMPORT: that text, the port's name here or none for the same, flags, a binding's handle
 *	10 WHY: a port or none for all, flags, number (1: packets are listened to), list of texts: what rules dropped
 *		since ports are asked about, JSON lists of objects. A port is asked about until a moment after the last
 *		such call, or until the client goes
 *	11 STATS: a port or none for all, list of texts: what was dropped, JSON lists of objects with port, reason,
 *		direction, packets, bytes
 *	12 FILTER_GUARD: a filter's document, seconds, flags, the filter's handle: defined for so long, unless confirmed
 *	13 FILTER_CONFIRM, 14 FILTER_DISCARD: a filter's name
 *	16 GUARD_LIST: list of texts "NAME SECONDS": filters that wait for a confirmation; "NAME shadow": that are tried
 *	17 FILTER_SHADOW: a filter's name, text: what its definition that is tried would have dropped, JSON
 */
#pragma once

#include "base/xdr.h"

#define RPC_PROGRAM_REMOTE    0x20008086u
#define RPC_PROGRAM_KEEPALIVE 0x6b656570u
#define RPC_PROGRAM_SLUICE    0x736c7563u
#define RPC_PROGRAM_VERSION   1

#define RPC_LENGTH_SIZE	   4
#define RPC_HEADER_SIZE	   28				/* with the length word */
#define RPC_FRAME_MAX	   (33554432 + RPC_LENGTH_SIZE) /* bytes of a frame, all in all */
#define RPC_STRING_MAX	   4194304
#define RPC_LIST_MAX	   16384 /* handles in one list */
#define RPC_AUTH_TYPES_MAX 20
#define RPC_PARAMS_MAX	   20
#define RPC_PARAM_NAME_MAX 80
#define RPC_VALUES_MAX	   8 /* values of one signature */

typedef enum {
	RPC_TYPE_CALL = 0,
	RPC_TYPE_REPLY = 1,
	RPC_TYPE_MESSAGE = 2,
	RPC_TYPE_STREAM = 3,
	RPC_TYPE_CALL_WITH_FDS = 4,
	RPC_TYPE_REPLY_WITH_FDS = 5,
} RpcType;

typedef enum {
	RPC_STATUS_OK = 0,
	RPC_STATUS_ERROR = 1,
} RpcStatus;

enum {
	RPC_KEEPALIVE_PING = 1,
	RPC_KEEPALIVE_PONG = 2,
};

/* Subsystems that an error names. */
typedef enum {
	RPC_DOMAIN_NONE = 0,
	RPC_DOMAIN_RPC = 7,
	RPC_DOMAIN_NETWORK = 19,
	RPC_DOMAIN_INTERFACE = 26,
	RPC_DOMAIN_NWFILTER = 33,
	RPC_DOMAIN_POLKIT = 60,
} RpcDomain;

/* Error numbers of the protocol that SluiceErrorCode has no use for. */
#define RPC_CODE_NO_CONNECT  5
#define RPC_CODE_AUTH_FAILED 45

#define RPC_ERROR (rpc_error_quark())
/* A GError in this domain carries a wire error number in @code. */
GQuark rpc_error_quark(void);

/* What a client may ask of procedure 60. */
typedef enum {
	RPC_FEATURE_FD_PASSING = 8,
	RPC_FEATURE_TYPED_PARAM_STRING = 9,
	RPC_FEATURE_KEEPALIVE = 10,
	RPC_FEATURE_EVENT_CALLBACK_IDS = 14,
	RPC_FEATURE_CLOSE_CALLBACK = 15,
	RPC_FEATURE_UPDATE_ARGUMENT_ORDER = 16,
} RpcFeature;

typedef enum {
	RPC_PROC_OPEN = 1,
	RPC_PROC_CLOSE = 2,
	RPC_PROC_GET_TYPE = 3,
	RPC_PROC_NETWORK_DEFINED_NAMES = 36,
	RPC_PROC_NETWORK_NAMES = 38,
	RPC_PROC_NETWORK_START = 39,
	RPC_PROC_NETWORK_CREATE = 40,
	RPC_PROC_NETWORK_DEFINE = 41,
	RPC_PROC_NETWORK_DESTROY = 42,
	RPC_PROC_NETWORK_XML = 43,
	RPC_PROC_NETWORK_AUTOSTART = 44,
	RPC_PROC_NETWORK_BRIDGE = 45,
	RPC_PROC_NETWORK_BY_NAME = 46,
	RPC_PROC_NETWORK_BY_UUID = 47,
	RPC_PROC_NETWORK_AUTOSTART_SET = 48,
	RPC_PROC_NETWORK_UNDEFINE = 49,
	RPC_PROC_NETWORK_DEFINED_COUNT = 50,
	RPC_PROC_NETWORK_COUNT = 52,
	RPC_PROC_SUPPORTS_FEATURE = 60,
	RPC_PROC_AUTH_LIST = 66,
	RPC_PROC_AUTH_POLKIT = 70,
	RPC_PROC_GET_URI = 110,
	RPC_PROC_IS_SECURE = 149,
	RPC_PROC_NETWORK_IS_ACTIVE = 152,
	RPC_PROC_NETWORK_IS_PERSISTENT = 153,
	RPC_PROC_GET_LIB_VERSION = 157,
	RPC_PROC_FILTER_BY_NAME = 175,
	RPC_PROC_FILTER_BY_UUID = 176,
	RPC_PROC_FILTER_XML = 177,
	RPC_PROC_FILTER_COUNT = 178,
	RPC_PROC_FILTER_NAMES = 179,
	RPC_PROC_FILTER_DEFINE = 180,
	RPC_PROC_FILTER_UNDEFINE = 181,
	RPC_PROC_NETWORK_LIST = 283,
	RPC_PROC_FILTER_LIST = 286,
	RPC_PROC_NETWORK_UPDATE = 291,
	RPC_PROC_NETWORK_EVENT_ADD = 313,
	RPC_PROC_NETWORK_EVENT_REMOVE = 314,
	RPC_PROC_NETWORK_EVENT = 315, /* from us */
	RPC_PROC_NETWORK_LEASES = 341,
	RPC_PROC_CLOSE_CALLBACK_ADD = 360,
	RPC_PROC_CLOSE_CALLBACK_REMOVE = 361,
	RPC_PROC_BINDING_BY_PORT = 397,
	RPC_PROC_BINDING_XML = 398,
	RPC_PROC_BINDING_CREATE = 399,
	RPC_PROC_BINDING_DELETE = 400,
	RPC_PROC_BINDING_LIST = 401,
	RPC_PROC_NETWORK_PORT_LIST = 404,
	RPC_PROC_NETWORK_PORT_BY_UUID = 405,
	RPC_PROC_NETWORK_PORT_CREATE = 406,
	RPC_PROC_NETWORK_PORT_PARAMS = 407,
	RPC_PROC_NETWORK_PORT_PARAMS_SET = 408,
	RPC_PROC_NETWORK_PORT_XML = 409,
	RPC_PROC_NETWORK_PORT_DELETE = 410,
	RPC_PROC_SET_IDENTITY = 419,
	RPC_PROC_FILTER_DEFINE_FLAGS = 431,
	RPC_PROC_NETWORK_DEFINE_FLAGS = 432,
	RPC_PROC_NETWORK_CREATE_FLAGS = 437,
	RPC_PROC_NETWORK_METADATA_SET = 444,
	RPC_PROC_NETWORK_METADATA = 445,
	RPC_PROC_NETWORK_METADATA_EVENT = 446, /* from us */
} RpcProcNumber;

/* What a client may ask to be told of. */
typedef enum {
	RPC_NETWORK_EVENT_LIFECYCLE = 0,
	RPC_NETWORK_EVENT_METADATA = 1,
	RPC_NETWORK_EVENT_COUNT,
} RpcNetworkEvent;

#define RPC_SLUICE_DESCRIBE	   1
#define RPC_SLUICE_NETWORK_APPLY   2
#define RPC_SLUICE_NETWORK_PLUGGED 3

#define RPC_SLUICE_LEASE_LIST	  4
#define RPC_SLUICE_LEASE_FLUSH	  5
#define RPC_SLUICE_BINDING_EXPORT 6
#define RPC_SLUICE_BINDING_IMPORT 7

#define RPC_SLUICE_CHECK	  8
#define RPC_SLUICE_REPAIR	  9
#define RPC_SLUICE_WHY		  10
#define RPC_SLUICE_STATS	  11
#define RPC_SLUICE_FILTER_GUARD	  12
#define RPC_SLUICE_FILTER_CONFIRM 13
#define RPC_SLUICE_FILTER_DISCARD 14
#define RPC_SLUICE_GUARD_LIST	  16
#define RPC_SLUICE_FILTER_SHADOW  17

/* Bit of FILTER_GUARD: count what it would drop, drop nothing; seconds are 0. */
#define RPC_SLUICE_GUARD_SHADOW 1u

/* Bit of BINDING_IMPORT: in place of what the port has learned here. */
#define RPC_SLUICE_IMPORT_REPLACE 1u

/* Bit of WHY: no more. */
#define RPC_SLUICE_WHY_END 1u

/* Bit of NETWORK_APPLY: say what would be done, do nothing. */
#define RPC_SLUICE_APPLY_PLAN 1u

/* What the daemon calls the documents of define and create calls in errors: the protocol brings no name. */
#define RPC_FILTER_LABEL  "nwfilter.xml"
#define RPC_BINDING_LABEL "filterbinding.xml"
#define RPC_PORT_LABEL	  "networkport.xml"

/* Bit of define and create calls: be strict. We always are. */
#define RPC_FLAG_VALIDATE 1u

/* What a client may have to do before all else. */
typedef enum {
	RPC_AUTH_NONE = 0,
	RPC_AUTH_POLKIT = 2,
} RpcAuth;

typedef enum {
	RPC_PROC_WRITE = 1 << 0,       /* refused on a read-only connection */
	RPC_PROC_BEFORE_OPEN = 1 << 1, /* allowed without a successful OPEN */
	RPC_PROC_EVENT = 1 << 2,       /* sent by the daemon; cannot be called */
	RPC_PROC_BEFORE_AUTH = 1 << 3, /* allowed to who has yet to say who it is */
} RpcProcFlags;

typedef struct {
	guint32 program;
	guint32 number;
	const char *name;
	RpcDomain domain; /* of the errors it gives */
	guint flags;	  /* RpcProcFlags */
	const char *args; /* signature; NULL: known by name, but answered with "not supported" */
	const char *ret;
} RpcProcInfo;

/* Ends with name == NULL. */
extern const RpcProcInfo rpc_procs[];

/** rpc_proc_find: NULL where neither we nor libvirt's neighbours of ours have such a procedure */
const RpcProcInfo *rpc_proc_find(guint32 program, guint32 number);

typedef enum {
	RPC_PARAM_INT = 1,
	RPC_PARAM_UINT,
	RPC_PARAM_LLONG,
	RPC_PARAM_ULLONG,
	RPC_PARAM_DOUBLE,
	RPC_PARAM_BOOLEAN,
	RPC_PARAM_STRING,
} RpcParamType;

/* One value of a signature; which members count depends on its letter. */
typedef struct {
	guint64 number;
	guint32 kind;
	char *text;
	char *text2;
	guint8 uuid[16], uuid2[16];
	GPtrArray *list; /* of RpcValue */
} RpcValue;

typedef struct {
	RpcValue at[RPC_VALUES_MAX];
} RpcValues;

void rpc_values_clear(RpcValues *values);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RpcValues, rpc_values_clear)

/* The letters of a lease's values. */
#define RPC_LEASE_SIGNATURE "sliSSsuSS"

/** rpc_value_append: a new zeroed element at the end of @value's list */
RpcValue *rpc_value_append(RpcValue *value);

/**
 * rpc_values_get: decode by signature
 * @values: cleared or zeroed; to be cleared by the caller in any case
 *
 * Bytes behind the last value are left alone: newer peers may append.
 */
gboolean rpc_values_get(XdrReader *reader, const char *signature, RpcValues *values);

/** rpc_values_put: encode by signature; a list or a text past its bound makes the writer overflow */
void rpc_values_put(XdrWriter *writer, const char *signature, const RpcValues *values);

typedef struct {
	guint32 length;
	guint32 program;
	guint32 version;
	guint32 procedure;
	guint32 type;
	guint32 serial;
	guint32 status;
} RpcHeader;

/** rpc_header_get: the first %RPC_HEADER_SIZE bytes of a frame; says nothing on whether they make sense */
gboolean rpc_header_get(XdrReader *reader, RpcHeader *ret_header);

/** rpc_frame_begin: start a frame; its length is put by rpc_frame_end() */
void rpc_frame_begin(XdrWriter *writer, const RpcHeader *header);
/** rpc_frame_end: (transfer full): the frame, or NULL where it grew past %RPC_FRAME_MAX */
GByteArray *rpc_frame_end(XdrWriter *writer);

/* A wire error: number, subsystem, text; the rest of its fields never differ. */
typedef struct {
	int code;
	int domain;
	char *message;
} RpcErrorBody;

void rpc_error_body_clear(RpcErrorBody *body);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RpcErrorBody, rpc_error_body_clear)
void rpc_error_body_put(XdrWriter *writer, const RpcErrorBody *body);
gboolean rpc_error_body_get(XdrReader *reader, RpcErrorBody *ret_body);

/** rpc_uuid_parse: 32 hexadecimal digits, hyphens anywhere between them */
gboolean rpc_uuid_parse(const char *text, guint8 *ret_uuid);
/** rpc_uuid_format: (transfer full): lower case, 8-4-4-4-12 */
char *rpc_uuid_format(const guint8 *uuid);

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Structs bound to XML elements by tables: one description of a language from which documents are read, printed,
 * copied and freed.
 *
 * A struct bound to an element begins with `guint line`, the line the element stood in. A list is a GPtrArray of
 * structs, there from the start if empty. The order of the tables is the order of the printed document.
 */
#pragma once

#include "base/words.h"
#include "base/xml_reader.h"

#define XML_MAP_TEXT_MAX 1024 /* bytes of a value whose table says nothing else */

/* A number that may be missing. */
typedef struct {
	gboolean is_set;
	guint64 value;
} XmlNumber;

typedef enum {
	XML_TYPE_TEXT,	  /* char *: at most max bytes, no control characters */
	XML_TYPE_UUID,	  /* char * */
	XML_TYPE_WORD,	  /* an enum: 0 is not given */
	XML_TYPE_UINT,	  /* guint8 to guint64: 0 is not given, but with XML_ALWAYS */
	XML_TYPE_NUMBER,  /* XmlNumber */
	XML_TYPE_ADDRESS, /* IpAddress */
	XML_TYPE_MAC,	  /* MacAddress */
} XmlType;

typedef enum {
	XML_REQUIRED = 1 << 0,
	XML_ALWAYS = 1 << 1,	/* a number that is printed if it is 0 */
	XML_LIVE = 1 << 2,	/* dropped when read, printed on demand */
	XML_HEX = 1 << 3,	/* printed in hexadecimal, with the digits of max; read as XML_ANY_BASE */
	XML_ANY_BASE = 1 << 4,	/* read in hexadecimal too, with 0x */
	XML_EMPTY = 1 << 5,	/* a text that may be empty */
	XML_LINES = 1 << 6,	/* a text that keeps its blanks, and may have several lines */
	XML_TOLERATED = 1 << 7, /* lenient mode reads a value that is not allowed as not given */
} XmlFieldFlags;

/* An attribute, or the text of an element. A table ends with name == NULL. */
typedef struct {
	const char *name;
	XmlType type;
	guint16 offset, size;
	guint flags;	   /* XmlFieldFlags */
	const Word *words; /* XML_TYPE_WORD */
	guint64 min, max;  /* of numbers (0: what fits), bytes of texts (0: XML_MAP_TEXT_MAX) */
	gboolean (*check)(const char *text);
	const char *expected; /* what @check asks for, in words */
} XmlField;

#define XML_FIELD(STRUCT, NAME, MEMBER, TYPE, ...)                                                                     \
	{                                                                                                              \
		.name = (NAME), .type = XML_TYPE_##TYPE, .offset = (guint16)G_STRUCT_OFFSET(STRUCT, MEMBER),           \
		.size = (guint16)sizeof(((STRUCT *)0)->MEMBER), __VA_ARGS__                                            \
	}
#define XML_FIELDS_END                                                                                                 \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

typedef struct {
	const char *prefix; /* as printed */
	const char *uri;
} XmlSpace;

typedef enum {
	XML_CHILD_ONE,	/* pointer to a struct; NULL where not given or empty */
	XML_CHILD_LIST, /* GPtrArray * of structs */
	XML_CHILD_TEXT, /* a field of the owner that stands as an element's text */
	XML_CHILD_RAW,	/* char *: the element verbatim */
} XmlChildKind;

typedef struct XmlElement XmlElement;

/* An element inside another one. A table ends with name == NULL. */
typedef struct {
	const char *name;
	XmlChildKind kind;
	guint16 offset;
	const XmlElement *element;					     /* ONE, LIST */
	guint max;							     /* LIST: more are an error */
	const XmlField *text;						     /* TEXT */
	const XmlSpace *space;						     /* NULL: in no namespace */
	gboolean (*check)(XmlReader *reader, xmlNode *node, GError **error); /* RAW; may take parts out */
	gboolean (*is_hidden)(gconstpointer owner, gboolean live);	     /* not printed */
} XmlChild;

#define XML_ONE(STRUCT, NAME, MEMBER, ELEMENT, ...)                                                                    \
	{                                                                                                              \
		.name = (NAME), .kind = XML_CHILD_ONE, .offset = (guint16)G_STRUCT_OFFSET(STRUCT, MEMBER),             \
		.element = (ELEMENT), __VA_ARGS__                                                                      \
	}
#define XML_LIST(STRUCT, NAME, MEMBER, ELEMENT, MAX, ...)                                                              \
	{                                                                                                              \
		.name = (NAME), .kind = XML_CHILD_LIST, .offset = (guint16)G_STRUCT_OFFSET(STRUCT, MEMBER),            \
		.element = (ELEMENT), .max = (MAX), __VA_ARGS__                                                        \
	}
#define XML_TEXT(NAME, FIELD)                                                                                          \
	{                                                                                                              \
		.name = (NAME), .kind = XML_CHILD_TEXT, .text = (FIELD)                                                \
	}
#define XML_CHILDREN_END                                                                                               \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

struct XmlElement {
	gsize size; /* of the struct */
	const XmlField *attrs;
	const XmlChild *children;
	const XmlField *text;	       /* of an element that holds text instead of children */
	gboolean is_open;	       /* printed with an end tag if it holds nothing */
	const XmlSpace *const *spaces; /* of the outermost element: what may be declared; ends with NULL */
	/* What the values of one element mean together; may complete them. */
	gboolean (*settle)(XmlReader *reader, const xmlNode *node, gpointer value, GError **error);
};

/** xml_map_new: a struct with its lists, all else 0 */
gpointer xml_map_new(const XmlElement *element);
void xml_map_free(const XmlElement *element, gpointer value);
gpointer xml_map_copy(const XmlElement *element, gconstpointer value);

/**
 * xml_map_read: a struct from an element
 *
 * What the tables do not know is an error, in lenient mode a warning.
 *
 * Errors: %SLUICE_ERROR_XML, %SLUICE_ERROR_XML_DETAIL, %SLUICE_ERROR_LIMIT, as "FILE:LINE: …".
 */
gpointer xml_map_read(XmlReader *reader, const xmlNode *node, const XmlElement *element, GError **error);

/**
 * xml_map_read_document: the same from a document's text, as xml_doc_parse() reads it
 * @root: the name of its outermost element
 * @ret_warnings: (element-type utf8) (nullable) (out): only with @lenient
 */
gpointer xml_map_read_document(const char *text, gsize max_bytes, const char *file, const char *root,
			       const XmlElement *element, gboolean lenient, GPtrArray **ret_warnings, GError **error);

/**
 * xml_map_format: a struct as an element of the canonical document, indented by two blanks a level
 * @name: the element's
 * @live: with the fields of %XML_LIVE
 */
char *xml_map_format(const XmlElement *element, const char *name, gconstpointer value, gboolean live);

/** xml_map_field: a field's value as text; NULL where it is not given (transfer full) */
char *xml_map_field(const XmlField *field, gconstpointer owner, gboolean live);

/** xml_map_is_empty: whether nothing of a struct would be printed */
gboolean xml_map_is_empty(const XmlElement *element, gconstpointer value);

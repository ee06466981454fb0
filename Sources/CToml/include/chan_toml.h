// SPDX-License-Identifier: Apache-2.0
//
// toml++ behind C functions. A parsed document is one flat array of entries, parents before their children
// and siblings by name: all a reader needs is then plain data, and one call frees everything.
#ifndef CHAN_TOML_H
#define CHAN_TOML_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum chan_toml_kind {
    CHAN_TOML_TABLE,
    CHAN_TOML_ARRAY,
    CHAN_TOML_STRING,
    CHAN_TOML_INTEGER,
    CHAN_TOML_FLOAT,
    CHAN_TOML_BOOLEAN,
    // Dates and times: no key of chand's is one, the reader only has to say so.
    CHAN_TOML_DATE
} chan_toml_kind;

// One table, array or value. Texts are not terminated, may hold any byte, and live as long as the document.
typedef struct chan_toml_entry {
    chan_toml_kind kind;
    // The index of the table or array that holds this entry; the root, entry 0, names itself.
    size_t parent;
    // Counted from 1: the line of the key, or of the element in an array.
    uint32_t line;
    // NULL for the root and for elements of arrays.
    const char *key;
    size_t key_length;
    // For strings only.
    const char *text;
    size_t text_length;
    // For integers, and 0 or 1 for booleans.
    int64_t integer;
    // For floats only.
    double real;
} chan_toml_entry;

typedef struct chan_toml_document chan_toml_document;

// Parses a whole file's text, which may be NULL where it is empty. Returns NULL only when memory ran out; a
// document with an error has no entries. The caller frees it.
chan_toml_document *chan_toml_parse(const char *text, size_t length);
void chan_toml_free(chan_toml_document *document);

// NULL where the text was good, else why it was not, terminated, and in which line.
const char *chan_toml_error(const chan_toml_document *document);
uint32_t chan_toml_error_line(const chan_toml_document *document);

const chan_toml_entry *chan_toml_entries(const chan_toml_document *document, size_t *count);

#ifdef __cplusplus
}
#endif
#endif

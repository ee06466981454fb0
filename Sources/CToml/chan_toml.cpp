// SPDX-License-Identifier: Apache-2.0
#include "chan_toml.h"

#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

struct chan_toml_document {
    toml::table root;
    std::vector<chan_toml_entry> entries;
    std::string error;
    uint32_t error_line = 0;
};

namespace {

void append(
    std::vector<chan_toml_entry> &entries, const toml::node &node, const toml::key *key, size_t parent) {
    chan_toml_entry entry{};
    entry.parent = parent;
    // The key's own line: a value's is another one where an array is spread over several.
    entry.line = static_cast<uint32_t>(key ? key->source().begin.line : node.source().begin.line);
    if (key) {
        entry.key = key->str().data();
        entry.key_length = key->str().size();
    }
    const size_t index = entries.size();
    switch (node.type()) {
    case toml::node_type::table:
        entry.kind = CHAN_TOML_TABLE;
        entries.push_back(entry);
        for (const auto &[child_key, child] : *node.as_table()) append(entries, child, &child_key, index);
        return;
    case toml::node_type::array:
        entry.kind = CHAN_TOML_ARRAY;
        entries.push_back(entry);
        for (const auto &child : *node.as_array()) append(entries, child, nullptr, index);
        return;
    case toml::node_type::string: {
        const std::string &text = node.as_string()->get();
        entry.kind = CHAN_TOML_STRING;
        entry.text = text.data();
        entry.text_length = text.size();
        break;
    }
    case toml::node_type::integer:
        entry.kind = CHAN_TOML_INTEGER;
        entry.integer = node.as_integer()->get();
        break;
    case toml::node_type::floating_point:
        entry.kind = CHAN_TOML_FLOAT;
        entry.real = node.as_floating_point()->get();
        break;
    case toml::node_type::boolean:
        entry.kind = CHAN_TOML_BOOLEAN;
        entry.integer = node.as_boolean()->get() ? 1 : 0;
        break;
    default:
        entry.kind = CHAN_TOML_DATE;
        break;
    }
    entries.push_back(entry);
}

} // namespace

extern "C" {

chan_toml_document *chan_toml_parse(const char *text, size_t length) {
    auto *document = new (std::nothrow) chan_toml_document;
    if (!document) return nullptr;
    try {
        document->root = toml::parse(text ? std::string_view(text, length) : std::string_view());
        append(document->entries, document->root, nullptr, 0);
    } catch (const toml::parse_error &fault) {
        document->error = std::string(fault.description());
        document->error_line = static_cast<uint32_t>(fault.source().begin.line);
    } catch (const std::exception &fault) {
        // Out of memory, in practice; no line to name.
        document->error = fault.what();
    }
    if (!document->error.empty()) document->entries.clear();
    return document;
}

void chan_toml_free(chan_toml_document *document) { delete document; }

const char *chan_toml_error(const chan_toml_document *document) {
    return document->error.empty() ? nullptr : document->error.c_str();
}

uint32_t chan_toml_error_line(const chan_toml_document *document) { return document->error_line; }

const chan_toml_entry *chan_toml_entries(const chan_toml_document *document, size_t *count) {
    *count = document->entries.size();
    return document->entries.data();
}

} // extern "C"

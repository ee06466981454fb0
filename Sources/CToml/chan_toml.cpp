// SPDX-License-Identifier: Apache-2.0
#include "chan_toml.h"

#include <algorithm>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// toml++ 3.3 asserts what not every text gives it, such as a key behind "[{": a mistyped file must not end the process.
#undef NDEBUG
#define TOML_ASSERT(expression) \
    ((expression) ? static_cast<void>(0) : throw std::logic_error("neither a key, a value nor a comment"))

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

// A key's parts are tables in tables, which toml++, having no limit of its own for them, destroys by recursion: a text of
// nothing but parts would overflow the stack. No key has more than two, no value so many dots; values in values have a limit.
constexpr long most_dots = 64;

uint32_t line_with_many_dots(std::string_view text) {
    uint32_t line = 1;
    for (size_t start = 0; start < text.size(); line++) {
        const size_t end = std::min(text.find('\n', start), text.size());
        const std::string_view here = text.substr(start, end - start);
        const size_t first = here.find_first_not_of(" \t");
        if (first != here.npos && here[first] != '#' && std::count(here.begin(), here.end(), '.') > most_dots) return line;
        start = end + 1;
    }
    return 0;
}

// What toml++ asserts comes without a place: it is in the first line with which the text is refused like that.
uint32_t line_of_assertion(std::string_view text) {
    std::vector<size_t> ends;
    for (size_t end = 0; (end = text.find('\n', end)) != text.npos; ends.push_back(++end)) {}
    ends.push_back(text.size());
    const auto is_below = [text](size_t end, int) {
        try {
            static_cast<void>(toml::parse(text.substr(0, end)));
        } catch (const toml::parse_error &) {
        } catch (const std::logic_error &) {
            return false;
        }
        return true;
    };
    return static_cast<uint32_t>(std::lower_bound(ends.begin(), ends.end(), 0, is_below) - ends.begin()) + 1;
}

} // namespace

extern "C" {

chan_toml_document *chan_toml_parse(const char *text, size_t length) {
    auto *document = new (std::nothrow) chan_toml_document;
    if (!document) return nullptr;
    try {
        document->error_line = line_with_many_dots(std::string_view(text, text ? length : 0));
        if (document->error_line != 0) {
            document->error = "more than 64 dots in a line";
            return document;
        }
        document->root = toml::parse(text ? std::string_view(text, length) : std::string_view());
        append(document->entries, document->root, nullptr, 0);
    } catch (const toml::parse_error &fault) {
        document->error = std::string(fault.description());
        document->error_line = static_cast<uint32_t>(fault.source().begin.line);
    } catch (const std::logic_error &fault) {
        document->error = fault.what();
        document->error_line = line_of_assertion(std::string_view(text, length));
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

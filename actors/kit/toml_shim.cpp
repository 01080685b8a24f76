/* toml_shim.cpp: toml++ behind a C interface. No exception leaves this file. */
#include "kit/toml_shim.h"

#include <cstdio>
#include <iterator>
#include <new>
#include <string_view>

#include <toml++/toml.h>

struct vd_toml {
    toml::table root;
};

static const toml::node *of(const vd_toml_node_t *node)
{
    return reinterpret_cast<const toml::node *>(node);
}

static const vd_toml_node_t *handle(const toml::node *node)
{
    return reinterpret_cast<const vd_toml_node_t *>(node);
}

vd_toml_t *vd_toml_parse(const char *text, size_t size, char *error, size_t error_size,
                         unsigned *line)
{
    *line = 0;
    try {
        return new vd_toml{toml::parse(std::string_view(text, size))};
    } catch (const toml::parse_error &problem) {
        *line = problem.source().begin.line;
        std::string_view what = problem.description();
        std::snprintf(error, error_size, "%.*s", static_cast<int>(what.size()), what.data());
    } catch (const std::exception &problem) {
        std::snprintf(error, error_size, "%s", problem.what());
    }
    return nullptr;
}

void vd_toml_destroy(vd_toml_t **self)
{
    delete *self;
    *self = nullptr;
}

const vd_toml_node_t *vd_toml_root(const vd_toml_t *self)
{
    return handle(&self->root);
}

vd_toml_kind_t vd_toml_kind(const vd_toml_node_t *node)
{
    switch (of(node)->type()) {
    case toml::node_type::table:
        return VD_TOML_TABLE;
    case toml::node_type::array:
        return VD_TOML_ARRAY;
    case toml::node_type::string:
        return VD_TOML_STR;
    case toml::node_type::integer:
        return VD_TOML_INT;
    case toml::node_type::floating_point:
        return VD_TOML_FLOAT;
    case toml::node_type::boolean:
        return VD_TOML_BOOL;
    default:
        return VD_TOML_OTHER;
    }
}

unsigned vd_toml_line(const vd_toml_node_t *node)
{
    return of(node)->source().begin.line;
}

size_t vd_toml_count(const vd_toml_node_t *node)
{
    if (const toml::table *table = of(node)->as_table())
        return table->size();
    if (const toml::array *array = of(node)->as_array())
        return array->size();
    return 0;
}

const vd_toml_node_t *vd_toml_at(const vd_toml_node_t *node, size_t at, const char **key)
{
    if (at >= vd_toml_count(node))
        return nullptr;
    if (const toml::array *array = of(node)->as_array())
        return handle(array->get(at));
    auto entry = std::next(of(node)->as_table()->begin(), static_cast<std::ptrdiff_t>(at));
    if (key != nullptr)
        *key = entry->first.str().data(); /* a view of a std::string: ended with a zero byte */
    return handle(&entry->second);
}

const vd_toml_node_t *vd_toml_get(const vd_toml_node_t *node, const char *key)
{
    const toml::table *table = of(node)->as_table();
    return table == nullptr ? nullptr : handle(table->get(key));
}

const char *vd_toml_str(const vd_toml_node_t *node, size_t *size)
{
    const toml::value<std::string> *value = of(node)->as_string();
    if (size != nullptr)
        *size = value == nullptr ? 0 : value->get().size();
    return value == nullptr ? "" : value->get().c_str();
}

int64_t vd_toml_int(const vd_toml_node_t *node)
{
    const toml::value<int64_t> *value = of(node)->as_integer();
    return value == nullptr ? 0 : value->get();
}

double vd_toml_float(const vd_toml_node_t *node)
{
    const toml::value<double> *value = of(node)->as_floating_point();
    return value == nullptr ? 0 : value->get();
}

bool vd_toml_bool(const vd_toml_node_t *node)
{
    const toml::value<bool> *value = of(node)->as_boolean();
    return value != nullptr && value->get();
}

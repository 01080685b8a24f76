/* progress_save.c: the progress model as one MessagePack value, and back.
 *
 * [version, round, all, hand, levels, providers, nodes, requests, texts]: numbers stand in arrays in
 * the order of their structures; what was saved by another version is refused.
 */
#include "tui/progress_impl.h"

#include <stdlib.h>

enum { VERSION = 1, PARTS = 9, TEXTS = 4, NODE_FIELDS = 18, STEP_FIELDS = 5 };

#define NUMBERS(structure) (sizeof(structure) / sizeof(uint64_t))
_Static_assert(sizeof(tui_progress_round_t) % sizeof(uint64_t) == 0, "numbers alone");
_Static_assert(sizeof(tui_progress_all_t) % sizeof(uint64_t) == 0, "numbers alone");
_Static_assert(sizeof(tui_progress_level_t) % sizeof(uint64_t) == 0, "numbers alone");
_Static_assert(sizeof(progress_request_t) % sizeof(uint64_t) == 0, "numbers alone");

/* ---- saving ---- */

static void save_numbers(vd_buffer_t *out, const void *numbers, size_t count)
{
    const uint64_t *number = numbers;
    vd_write_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        vd_write_u64(out, number[i]);
}

static void save_text(vd_buffer_t *out, const char *text)
{
    vd_write_text(out, text != NULL ? text : "");
}

static void save_steps(vd_buffer_t *out, const tui_progress_node_t *node)
{
    uint64_t count = node->steps < TUI_PROGRESS_STEPS ? node->steps : TUI_PROGRESS_STEPS;
    vd_write_array(out, (uint32_t)count * STEP_FIELDS);
    for (size_t i = 0; i < count; i++) {
        const tui_progress_step_t *step = &node->step[i];
        vd_write_u64(out, (uint64_t)step->at_ms);
        vd_write_u64(out, step->ms);
        vd_write_u64(out, step->attempt);
        vd_write_u64(out, step->deed);
        vd_write_u64(out, step->provider);
    }
}

static void save_node(vd_buffer_t *out, const tui_progress_node_t *node)
{
    vd_write_array(out, NODE_FIELDS);
    save_text(out, node->name);
    save_text(out, node->error);
    vd_write_u64(out, node->state);
    vd_write_u64(out, node->told);
    vd_write_u64(out, node->key);
    vd_write_u64(out, node->order);
    vd_write_u64(out, node->level);
    vd_write_u64(out, node->attempt);
    vd_write_u64(out, node->duration_ms);
    vd_write_u64(out, node->size_bytes);
    vd_write_u64(out, node->requests);
    vd_write_u64(out, node->answered);
    vd_write_u64(out, node->failures);
    vd_write_u64(out, node->open);
    vd_write_u64(out, (uint64_t)node->started_ms);
    vd_write_u64(out, (uint64_t)node->ended_ms);
    vd_write_u64(out, node->steps);
    save_steps(out, node);
}

static void save_provider(vd_buffer_t *out, const tui_progress_provider_t *provider)
{
    const uint64_t numbers[] = {provider->key,     provider->sent,    provider->answered,
                                provider->failed,  provider->retried, provider->last_ms,
                                provider->most_ms, provider->sum_ms};
    vd_write_array(out, 3);
    save_text(out, provider->name);
    save_text(out, provider->error);
    save_numbers(out, numbers, sizeof numbers / sizeof *numbers);
}

void tui_progress_save(const tui_progress_t *self, vd_buffer_t *out)
{
    vd_write_array(out, PARTS);
    vd_write_u64(out, VERSION);
    save_numbers(out, &self->round, NUMBERS(tui_progress_round_t));
    save_numbers(out, &self->all, NUMBERS(tui_progress_all_t));
    vd_write_u64(out, self->hand);
    vd_write_array(out, (uint32_t)self->level_count);
    for (size_t i = 0; i < self->level_count; i++)
        save_numbers(out, &self->levels[i], NUMBERS(tui_progress_level_t));
    vd_write_array(out, (uint32_t)self->provider_count);
    for (size_t i = 0; i < self->provider_count; i++)
        save_provider(out, &self->providers[i]);
    vd_write_array(out, (uint32_t)self->node_count);
    for (size_t i = 0; i < self->node_count; i++)
        save_node(out, &self->nodes[i]);
    vd_write_array(out, (uint32_t)self->request_count);
    for (size_t i = 0; i < self->request_count; i++)
        save_numbers(out, &self->requests[i], NUMBERS(progress_request_t));
    vd_write_array(out, TEXTS);
    save_text(out, self->error);
    save_text(out, self->scan_path);
    save_text(out, self->watch_path);
    save_text(out, self->changed_path);
}

/* ---- loading: each function is false at what was never saved ---- */

static bool load_number(vd_bytes_t *rest, uint64_t most, uint64_t *number)
{
    vd_value_t value;
    if (!vd_value_next(rest, &value) || value.kind != VD_KIND_U64 || value.u64 > most)
        return false;
    *number = value.u64;
    return true;
}

static bool load_array(vd_bytes_t *rest, uint64_t least, uint64_t most, vd_value_t *array)
{
    return vd_value_next(rest, array) && array->kind == VD_KIND_ARRAY && array->count >= least &&
           array->count <= most;
}

static bool load_numbers(vd_bytes_t *rest, void *numbers, size_t count)
{
    vd_value_t array;
    uint64_t *number = numbers;
    if (!load_array(rest, count, count, &array))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!load_number(&array.bytes, UINT64_MAX, &number[i]))
            return false;
    return true;
}

static bool load_text(vd_bytes_t *rest, char *out, size_t size)
{
    vd_value_t value;
    return vd_value_next(rest, &value) && value.kind == VD_KIND_STR &&
           vd_str_copy(out, size, value.bytes);
}

static bool load_error(vd_bytes_t *rest, char **out)
{
    char text[TUI_PROGRESS_TEXT_SIZE];
    if (!load_text(rest, text, sizeof text))
        return false;
    progress_set_text(out, vd_str(text));
    return text[0] == 0 || *out != NULL;
}

static bool load_steps(vd_bytes_t *rest, tui_progress_node_t *node)
{
    vd_value_t array;
    uint64_t count = node->steps < TUI_PROGRESS_STEPS ? node->steps : TUI_PROGRESS_STEPS;
    if (!load_array(rest, count * STEP_FIELDS, count * STEP_FIELDS, &array))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t at_ms = 0, attempt = 0, deed = 0, provider = 0;
        tui_progress_step_t *step = &node->step[i];
        if (!load_number(&array.bytes, INT64_MAX, &at_ms) ||
            !load_number(&array.bytes, UINT64_MAX, &step->ms) ||
            !load_number(&array.bytes, UINT32_MAX, &attempt) ||
            !load_number(&array.bytes, TUI_PROGRESS_DEEDS - 1, &deed) ||
            !load_number(&array.bytes, TUI_PROGRESS_PROVIDERS_MAX, &provider))
            return false;
        step->at_ms = (int64_t)at_ms;
        step->attempt = (uint32_t)attempt;
        step->deed = (uint8_t)deed;
        step->provider = (uint8_t)provider;
    }
    return true;
}

static bool load_node_fields(vd_bytes_t *rest, tui_progress_node_t *node)
{
    uint64_t state = 0, told = 0, started_ms = 0, ended_ms = 0;
    uint64_t *const numbers[] = {&node->order,       &node->level,      &node->attempt,
                                 &node->duration_ms, &node->size_bytes, &node->requests,
                                 &node->answered,    &node->failures,   &node->open};
    bool good = load_number(rest, TUI_PROGRESS_STATES - 1, &state) && load_number(rest, 1, &told) &&
                load_number(rest, UINT64_MAX, &node->key);
    for (size_t i = 0; good && i < sizeof numbers / sizeof *numbers; i++)
        good = load_number(rest, UINT64_MAX, numbers[i]);
    good = good && load_number(rest, INT64_MAX, &started_ms) &&
           load_number(rest, INT64_MAX, &ended_ms) && load_number(rest, UINT64_MAX, &node->steps) &&
           load_steps(rest, node);
    node->state = (uint8_t)state;
    node->told = told != 0;
    node->started_ms = (int64_t)started_ms;
    node->ended_ms = (int64_t)ended_ms;
    return good && node->key != 0;
}

static bool load_node(vd_bytes_t *rest, tui_progress_t *self)
{
    vd_value_t array;
    if (!load_array(rest, NODE_FIELDS, NODE_FIELDS, &array))
        return false;
    tui_progress_node_t *node = progress_node_slot(self);
    if (node == NULL)
        return false;
    *node = (tui_progress_node_t){0};
    if (!load_text(&array.bytes, node->name, sizeof node->name) ||
        !load_error(&array.bytes, &node->error) || !load_node_fields(&array.bytes, node) ||
        progress_node_by_key(self, node->key) != NULL)
        return false;
    progress_index_add(&self->node_index, node->key, (size_t)(node - self->nodes));
    return true;
}

static bool load_nodes(vd_bytes_t *rest, tui_progress_t *self)
{
    vd_value_t array;
    bool good = load_array(rest, 0, TUI_PROGRESS_NODES_MAX, &array);
    for (size_t i = 0; good && i < array.count; i++)
        good = load_node(&array.bytes, self);
    return good;
}

static bool load_levels(vd_bytes_t *rest, tui_progress_t *self)
{
    vd_value_t array;
    bool good = load_array(rest, 0, TUI_PROGRESS_LEVELS_MAX, &array);
    for (size_t i = 0; good && i < array.count; i++) {
        tui_progress_level_t *level = &self->levels[i];
        good = load_numbers(&array.bytes, level, NUMBERS(tui_progress_level_t)) &&
               level->state < TUI_PROGRESS_STATES && (i == 0 || level[-1].number < level->number);
        self->level_count = i + 1;
    }
    return good;
}

static bool load_provider(vd_bytes_t *rest, tui_progress_t *self)
{
    vd_value_t array;
    uint64_t numbers[8];
    tui_progress_provider_t *provider = &self->providers[self->provider_count++];
    if (!load_array(rest, 3, 3, &array) ||
        !load_text(&array.bytes, provider->name, sizeof provider->name) ||
        !load_error(&array.bytes, &provider->error) ||
        !load_numbers(&array.bytes, numbers, sizeof numbers / sizeof *numbers))
        return false;
    provider->key = numbers[0];
    provider->sent = numbers[1];
    provider->answered = numbers[2];
    provider->failed = numbers[3];
    provider->retried = numbers[4];
    provider->last_ms = numbers[5];
    provider->most_ms = numbers[6];
    provider->sum_ms = numbers[7];
    return true;
}

static bool load_providers(vd_bytes_t *rest, tui_progress_t *self)
{
    vd_value_t array;
    bool good = load_array(rest, 0, TUI_PROGRESS_PROVIDERS_MAX, &array);
    for (size_t i = 0; good && i < array.count; i++)
        good = load_provider(&array.bytes, self);
    return good;
}

static bool load_requests(vd_bytes_t *rest, tui_progress_t *self)
{
    vd_value_t array;
    bool good = load_array(rest, 0, TUI_PROGRESS_REQUESTS_MAX, &array);
    for (size_t i = 0; good && i < array.count; i++) {
        progress_request_t request;
        good = load_numbers(&array.bytes, &request, NUMBERS(progress_request_t)) &&
               request.state < REQUEST_STATES && progress_request_add(self, &request);
    }
    return good;
}

static bool load_texts(vd_bytes_t *rest, tui_progress_t *self)
{
    vd_value_t array;
    return load_array(rest, TEXTS, TEXTS, &array) &&
           load_text(&array.bytes, self->error, sizeof self->error) &&
           load_text(&array.bytes, self->scan_path, sizeof self->scan_path) &&
           load_text(&array.bytes, self->watch_path, sizeof self->watch_path) &&
           load_text(&array.bytes, self->changed_path, sizeof self->changed_path);
}

static bool load_all(vd_bytes_t bytes, tui_progress_t *self)
{
    vd_value_t array;
    uint64_t version = 0, hand = 0;
    if (!load_array(&bytes, PARTS, PARTS, &array) || bytes.size > 0 ||
        !load_number(&array.bytes, VERSION, &version) || version != VERSION ||
        !load_numbers(&array.bytes, &self->round, NUMBERS(tui_progress_round_t)) ||
        !load_numbers(&array.bytes, &self->all, NUMBERS(tui_progress_all_t)) ||
        !load_number(&array.bytes, TUI_PROGRESS_NODES_MAX - 1, &hand) ||
        !load_levels(&array.bytes, self) || !load_providers(&array.bytes, self) ||
        !load_nodes(&array.bytes, self) || !load_requests(&array.bytes, self) ||
        !load_texts(&array.bytes, self))
        return false;
    self->hand = (size_t)hand;
    return hand == 0 || hand < self->node_count;
}

vd_status_t tui_progress_load(tui_progress_t *self, vd_bytes_t bytes)
{
    tui_progress_t *loaded = tui_progress_new();
    if (loaded == NULL)
        return VD_NO_MEMORY;
    bool good = load_all(bytes, loaded);
    if (good) {
        tui_progress_t old = *self;
        *self = *loaded;
        *loaded = old;
    }
    tui_progress_destroy(&loaded);
    return good ? VD_OK : VD_MALFORMED;
}

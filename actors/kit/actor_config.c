/* actor_config.c: what every actor does with its configuration. */
#include "kit/actor_config.h"

#include "kit/endpoint.h"
#include "kit/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const vd_config_table_t *all_tables(const vd_actor_spec_t *spec, size_t *count)
{
    *count = VD_ACTOR_TABLES + spec->config_count;
    vd_config_table_t *tables = calloc(*count, sizeof *tables);
    if (tables == NULL)
        return NULL;
    memcpy(tables, vd_actor_tables, sizeof vd_actor_tables);
    if (spec->config_count > 0)
        memcpy(tables + VD_ACTOR_TABLES, spec->config, spec->config_count * sizeof *tables);
    return tables;
}

static void print_buffer(FILE *stream, const vd_buffer_t *buffer)
{
    if (buffer->size > 0)
        fwrite(buffer->data, 1, buffer->size, stream);
}

/* Checks one further endpoint, "ACTOR.PORT=ENDPOINT", as far as it can be told before it is
 * bound. */
static bool check_bind(const char *text, char *error, size_t error_size)
{
    const char *equals = strchr(text, '=');
    const char *dot = strchr(text, '.');
    if (equals == NULL || dot == NULL || dot == text || dot + 1 >= equals) {
        snprintf(error, error_size,
                 "\"%.200s\" names no port: it has to be \"ACTOR.PORT=ENDPOINT\"", text);
        return false;
    }
    vd_str_t port = vd_bytes(dot + 1, (size_t)(equals - dot - 1));
    if (vd_str_is(port, "control") || vd_str_is(port, "streams")) {
        snprintf(error, error_size,
                 "%.200s is refused: %.*s stays in the runtime's directory until there are keys",
                 text, (int)port.size, (const char *)port.data);
        return false;
    }
    /* The directory of an ipc endpoint may come later. */
    return strncmp(equals + 1, "ipc://", 6) == 0 ||
           vd_endpoint_check(equals + 1, true, error, error_size) == VD_OK;
}

/* Checks what the rows of the common tables cannot say. */
static vd_status_t check_common(const vd_config_t *config, const char *file)
{
    char error[512];
    vd_level_t level;
    vd_status_t status = VD_OK;
    const char *name = file != NULL ? file : "the configuration";
    const char *text = vd_config_str(config, "runtime", "log_level");
    if (!vd_level_parse(text, &level)) {
        fprintf(stderr,
                "%s: runtime.log_level \"%.40s\" is not a level: use debug, info, warn or error\n",
                name, text);
        status = VD_CONFIG;
    }
    for (size_t at = 0; at < vd_config_list_count(config, "network", "bind"); at++)
        if (!check_bind(vd_config_list_at(config, "network", "bind", at), error, sizeof error)) {
            fprintf(stderr, "%s: network.bind: %s\n", name, error);
            status = VD_CONFIG;
        }
    return status;
}

/* Likewise of the tables of this actor. */
static vd_status_t check_own(const vd_actor_spec_t *spec, const vd_config_t *config,
                             const char *file)
{
    char error[512] = "";
    vd_status_t status = spec->check != NULL ? spec->check(config, error, sizeof error) : VD_OK;
    if (status != VD_OK)
        fprintf(stderr, "%s: %s\n", file != NULL ? file : "the configuration", error);
    return status;
}

vd_status_t vd_actor_config_load(const vd_actor_spec_t *spec, const char *file,
                                 vd_config_t **config)
{
    size_t count;
    const vd_config_table_t *tables = all_tables(spec, &count);
    if (tables == NULL)
        return VD_NO_MEMORY;
    vd_buffer_t errors;
    vd_buffer_init(&errors, 65536);
    vd_status_t status = vd_config_load(file, tables, count, config, &errors);
    print_buffer(stderr, &errors);
    vd_buffer_free(&errors);
    if (status == VD_OK && (status = check_common(*config, file)) == VD_OK)
        status = check_own(spec, *config, file);
    if (status != VD_OK)
        vd_config_destroy(config);
    free((void *)tables);
    return status;
}

void vd_actor_config_print(const vd_actor_spec_t *spec)
{
    size_t count;
    const vd_config_table_t *tables = all_tables(spec, &count);
    vd_buffer_t out;
    vd_buffer_init(&out, 1048576);
    if (tables != NULL)
        vd_config_print(tables, count, &out);
    print_buffer(stdout, &out);
    vd_buffer_free(&out);
    free((void *)tables);
}

vd_status_t vd_actor_config_bind(const vd_config_t *config, const char *name, vd_shell_t *shell)
{
    size_t name_size = strlen(name);
    for (size_t at = 0; at < vd_config_list_count(config, "network", "bind"); at++) {
        const char *text = vd_config_list_at(config, "network", "bind", at);
        const char *equals = strchr(text, '=');
        if (strncmp(text, name, name_size) != 0 || text[name_size] != '.' || equals == NULL)
            continue;
        char port[VD_NAME_BYTES_MAX + 1];
        char error[512] = "";
        const char *from = text + name_size + 1;
        vd_status_t status = VD_CONFIG;
        if (!check_bind(text, error, sizeof error))
            status = VD_CONFIG;
        else if (!vd_str_copy(port, sizeof port, vd_bytes(from, (size_t)(equals - from))))
            snprintf(error, sizeof error, "network.bind: %.200s names no port", text);
        else
            status = vd_shell_bind_also(shell, port, equals + 1, error, sizeof error);
        if (status != VD_OK) {
            vd_log(VD_ERROR, "%s", error);
            return status == VD_BUSY ? status : VD_CONFIG;
        }
    }
    return VD_OK;
}

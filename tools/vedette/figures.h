/* figures.h: values as people read them.
 *
 * 1. Nothing here knows a command, a terminal or a clock. Each writes text that a terminal can show,
 *    cut to `size` bytes.
 */
#ifndef VD_CLI_FIGURES_H
#define VD_CLI_FIGURES_H

#include "wire/value.h"

typedef void cli_format_t(const vd_value_t *value, char *out, size_t size);

/* How a figure of this name is shown, by its unit: "total_bytes", "busy_percent", "age_ms". */
cli_format_t *cli_figure_format(vd_str_t key);
/* Wall ms -> time stamp. */
void cli_format_time(const vd_value_t *value, char *out, size_t size);
/* A value in one short line, cut to `columns`. */
void cli_brief(vd_bytes_t value, size_t columns, char *out, size_t size);

#endif

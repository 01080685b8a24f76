/* fuzz_expression.c: an expression, and any bytes as the snapshot that it is asked of. */
#include "expression/expression.h"
#include "fuzz.h"

void fuzz_one(vd_bytes_t input)
{
    static vd_expression_t expression;
    vd_expression_error_t error;
    vd_bytes_t text = fuzz_part(&input);
    if (vd_expression_parse(&expression, text, &error) != VD_OK) {
        FUZZ_HOLDS(error.column > 0 && error.text[0] != 0);
        return;
    }
    vd_value_t result, value;
    if (vd_expression_evaluate(&expression, input, &result) == VD_OK)
        vd_expression_is_true(&result);
    uint16_t at = 0;
    vd_str_t path;
    for (int i = 0; i <= VD_EXPRESSION_PARTS_MAX; i++) {
        if (!vd_expression_next_path(&expression, input, &at, &path, &value))
            return;
        FUZZ_HOLDS(path.size <= text.size);
    }
    FUZZ_HOLDS(!vd_expression_next_path(&expression, input, &at, &path, &value));
}

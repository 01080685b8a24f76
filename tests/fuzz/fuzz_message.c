/* fuzz_message.c: frames of messages, as any peer may send them: header, body, payload. */
#include "fuzz.h"
#include "wire/message.h"

void fuzz_one(vd_bytes_t input)
{
    vd_bytes_t header = fuzz_part(&input), body = fuzz_part(&input);
    vd_message_t message, again;
    if (vd_message_decode(header, body, input, &message) != VD_OK)
        return;
    FUZZ_HOLDS(vd_message_name(message.id) != NULL);
    vd_buffer_t out, text, twice;
    size_t header_size = 0, second_size = 0;
    vd_buffer_init(&out, 1 << 20);
    vd_buffer_init(&text, 1 << 20);
    vd_buffer_init(&twice, 1 << 20);
    vd_message_print(&message, &text);
    if (vd_message_encode(&message, &out, &header_size) == VD_OK) {
        vd_bytes_t all = vd_buffer_view(&out);
        vd_bytes_t first = vd_bytes(all.data, header_size);
        vd_bytes_t second = vd_bytes(all.data + header_size, all.size - header_size);
        FUZZ_HOLDS(vd_message_decode(first, second, input, &again) == VD_OK);
        FUZZ_HOLDS(again.id == message.id && again.correlation == message.correlation);
        FUZZ_HOLDS(vd_message_encode(&again, &twice, &second_size) == VD_OK);
        FUZZ_HOLDS(second_size == header_size && vd_bytes_equal(all, vd_buffer_view(&twice)));
    }
    vd_buffer_free(&out);
    vd_buffer_free(&text);
    vd_buffer_free(&twice);
}

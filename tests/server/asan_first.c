// Preloaded beside AddressSanitizer, into servers that are built without it: has it set itself up before the constructor of
// any other library runs. It does so at the first malloc(), and looks for functions then that may not be there, which
// takes and gives back a lock of gettext: libgpg-error's constructor, by far the first to ask for memory, asks while it
// holds that lock, and the next to want it waits for ever.
#include <stdlib.h>

__attribute__((constructor)) static void set_up(void) {
    void *volatile some = malloc(1);
    free(some);
}

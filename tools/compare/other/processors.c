// Threads run where the system lets them.
#include "measure.h"

void machine_pin(uint32_t index) { (void)index; }

void machine_unpin(void) {}

/* placeholder until the real one */
#include "tests/support.h"
int main(void) { return 0; }

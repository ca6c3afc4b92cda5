// Selectors of the descriptor table in boot.S.
#define CODE32 0x08
#define CODE64 0x10
#define DATA 0x18

// Selectors of the descriptor table in boot.S.
#define CODE32 0x08
#define CODE64 0x10
#define DATA 0x18
#define USER_DATA 0x23
#define USER_CODE 0x2b
#define TASK 0x30

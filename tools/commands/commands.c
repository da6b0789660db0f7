#include "commands.h"

#define COMMAND_POINTER(name) &command_##name,
const cli_command *const command_list[N_COMMANDS + 1] = {COMMANDS(COMMAND_POINTER)};
#undef COMMAND_POINTER

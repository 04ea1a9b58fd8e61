/*
 * command - the lines that clients of labs 05 and 06 send
 *
 * Nothing here is shared: any thread may call it, with lines of its own.
 */

#ifndef COMMAND_H
#define COMMAND_H

#include <stddef.h>

enum command_word {
	COMMAND_UNKNOWN,
	COMMAND_REGISTER,
	COMMAND_LOGIN,
	COMMAND_RESUME,
	COMMAND_SAY,
	COMMAND_WHO,
	COMMAND_HISTORY,
	COMMAND_QUIT,
};

/*
 * A line that was split where it lies: the pointers lead into it. A part that
 * a command lacks is the empty string, so every pointer can be used.
 */
struct command {
	enum command_word word;
	const char *name;     /* REGISTER, LOGIN */
	const char *password; /* REGISTER, LOGIN: all that follows the name */
	const char *argument; /* RESUME, HISTORY: all that follows */
	const char *text;     /* SAY: all that follows one space, as it is */
};

/*
 * Splits line, which has length bytes and then '\0', as net_read_line returns
 * it. NUL bytes in it become '\1': as control characters they are refused
 * wherever '\1' is, and no longer end the line before its time. Names,
 * passwords and text are yet to be judged: users_is_name, users_is_password
 * and text_is_plain do that.
 */
void command_parse(char *line, size_t length, struct command *command);

/*
 * The number that text is: decimal digits and nothing else. A number past most
 * counts as most. Returns -1 if text is no number.
 */
long command_number(const char *text, long most);

#endif

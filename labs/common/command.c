#define _POSIX_C_SOURCE 200809L

#include "command.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum command_word word;
} words[] = {
    {"REGISTER", COMMAND_REGISTER},
    {"LOGIN", COMMAND_LOGIN},
    {"RESUME", COMMAND_RESUME},
    {"SAY", COMMAND_SAY},
    {"WHO", COMMAND_WHO},
    {"HISTORY", COMMAND_HISTORY},
    {"QUIT", COMMAND_QUIT},
};

/*
 * Ends the first word of text at its space and returns what follows that
 * space: the empty string if there is none.
 */
static char *
split(char *text)
{
	char *space = strchr(text, ' ');

	if (space == NULL)
		return text + strlen(text);
	*space = '\0';
	return space + 1;
}

/* The same without the spaces at its beginning. */
static char *
skip_spaces(char *text)
{
	return text + strspn(text, " ");
}

static enum command_word
word_named(const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(name, words[i].name) == 0)
			return words[i].word;
	return COMMAND_UNKNOWN;
}

void
command_parse(char *line, size_t length, struct command *command)
{
	char *nothing = line + length;
	char *rest;

	for (char *next = line; next < line + length; next++)
		if (*next == '\0')
			*next = '\1';
	rest = split(line);
	*command = (struct command){
	    word_named(line), nothing, nothing, nothing, nothing};
	if (command->word == COMMAND_SAY) {
		command->text = rest;
		return;
	}
	rest = skip_spaces(rest);
	if (command->word == COMMAND_REGISTER ||
	    command->word == COMMAND_LOGIN) {
		command->name = rest;
		command->password = skip_spaces(split(rest));
	} else {
		command->argument = rest;
	}
}

long
command_number(const char *text, long most)
{
	long number = 0;

	if (*text == '\0')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		number = number < most ? number * 10 + (*text - '0') : most;
		number = number < most ? number : most;
	}
	return *text == '\0' ? number : -1;
}

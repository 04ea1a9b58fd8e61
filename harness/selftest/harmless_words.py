"""Correct programs that say or take other things: what no handout states is not judged."""

from __future__ import annotations

from labkit.workbook.answers import Change
from harmless import INCLUDE, harmless

TERMINAL = "\tif (isatty(STDIN_FILENO)) {\n"
NO_ADDRESS = "\t\twarnx(\"address '%s': neither IPv4 nor IPv6\", host);\n\t\texit_with_usage();\n"
SAYS_USAGE = "\tfputs(usage, stderr);\n"
ON_SIGNAL = """static void
on_signal(int number)
{
	_exit(128 + number);
}

int
main("""
# What no handout states is not judged, and what harms nobody is taken.
GENEROUS = [
    harmless(
        "01",
        4,
        "test_prompts_at_a_terminal",
        Change(
            "echo_client.c", TERMINAL, TERMINAL.replace("if (", "if (isatty(STDOUT_FILENO) && ")
        ),
    ),
    harmless(
        "01",
        4,
        "test_client_refuses_wrong_arguments",
        Change("echo_client.c", NO_ADDRESS, '\t\terrx(1, "nobody knows %s", host);\n'),
    ),
    harmless(
        "02",
        1,
        "test_refuses_wrong_arguments",
        Change("echo_server.c", NO_ADDRESS, '\t\terrx(1, "nobody knows %s", host);\n'),
        Change("echo_server.c", SAYS_USAGE, ""),
    ),
    harmless(
        "03",
        1,
        "test_refuses_wrong_arguments",
        Change("rockets.c", "MAX_COUNT = 100000,", "MAX_COUNT = 2000000,"),
        Change("rockets.c", "MAX_TICK_MS = 60000,", "MAX_TICK_MS = 9000000,"),
    ),
    harmless(
        "03",
        4,
        "test_a_signal_ends_it",
        Change("rockets.c", "int\nmain(", ON_SIGNAL),
        Change("rockets.c", INCLUDE, f"#include <signal.h>\n{INCLUDE}"),
        Change(
            "rockets.c",
            "\tstruct rocket *rockets;\n",
            "\tstruct rocket *rockets;\n\tsignal(SIGINT, on_signal);\n\tsignal(SIGTERM, on_signal);\n",
        ),
    ),
    harmless(
        "05",
        1,
        "test_refuses_wrong_arguments",
        Change("chat_server.c", "optarg, 0, HISTORY_MAX", "optarg, 0, 10 * HISTORY_MAX"),
    ),
    harmless(
        "05",
        1,
        "test_a_file_that_was_edited",
        Change(
            "users.c",
            "\t\tif (take_line(users, next, length) < 0) {\n",
            "\t\terrno = EINVAL; /* torn, where nothing ends it */\n"
            "\t\tif (stop == NULL || take_line(users, next, length) < 0) {\n",
        ),
    ),
    harmless(
        "06",
        1,
        "test_unknown_commands",
        Change(
            "console.c",
            '\t\t\tfprintf(\n\t\t\t    stderr, "unknown command: %s, try help\\n", line);\n',
            '\t\t\tfprintf(stderr, "console: unknown command: %s, try help\\n", line);\n',
        ),
    ),
    harmless(
        "06",
        2,
        "test_shutdown_with_50_clients",
        Change("log.c", "\tif (file.on_stdout)\n", "\tif (false) /* in the log alone */\n"),
    ),
    harmless(
        "06",
        2,
        "test_stops_at_a_signal",
        Change("log.c", "\tif (file.on_stdout)\n", "\tif (false) /* in the log alone */\n"),
    ),
    harmless(
        "06",
        4,
        "test_logins_and_commands_are_logged",
        Change(
            "console.c",
            "\t\tif (control != NULL)\n\t\t\tlog_write",
            "\t\tif (line[0] != '\\0')\n\t\t\tlog_write",
        ),
        Change(
            "console.c",
            "\t\telse if (line[0] != '\\0')\n",
            "\t\tif (control == NULL && line[0] != '\\0')\n",
        ),
    ),
    harmless("06", 5, "test_clear_logs", Change("net.c", "sizeof(reader->buffer), 0", "6, 0")),
    harmless(
        "06", 4, "test_every_event_once", Change("net.c", "sizeof(reader->buffer), 0", "6, 0")
    ),
]

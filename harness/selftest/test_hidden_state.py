"""Which functions with hidden state threads call: small programs, built and looked through."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from labkit.build import callgraph, hidden_state

HEAD = """
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char text[100];
static time_t now;
void work(void);
"""
MANY = """
static void *run(void *a) { work(); return a; }
int main(void) { pthread_t t; for (int i = 0; i < 9; i++) pthread_create(&t, NULL, run, NULL); pause(); }
"""
ONE = """
static void *run(void *a) { for (;;) work(); return a; }
int main(void) { pthread_t t; pthread_create(&t, NULL, run, NULL); for (;;) pause(); }
"""
PARTS = 'static void part(void) { char *w = strtok(text, " "); while (w) w = strtok(NULL, " "); }\n'


def uses(tmp_path: Path, *sources: str) -> list[tuple[str, str, str]]:
    """(function, safe one, way) of each use in a program of these sources."""
    objects = []
    for index, source in enumerate(sources):
        path = tmp_path / f"part{index}.c"
        path.write_text(HEAD + source, encoding="utf-8")
        words = ["gcc", "-std=c11", *callgraph.FLAGS, "-w", "-pthread", "-c", path.name]
        subprocess.run(words, cwd=tmp_path, check=True)
        objects.append(path.with_suffix(".o"))
    found = hidden_state.found(objects)
    return list(dict.fromkeys((use.function, use.instead, " ".join(use.way)) for use in found))


TOK = ("strtok", "strtok_r")
BAD = {
    "in the routine's callee": (
        [PARTS + "void work(void) { part(); }" + MANY],
        [(*TOK, "run work part")],
    ),
    "in another file": (
        ["void work(void) { ctime(&now); }", MANY],
        [("ctime", "ctime_r", "run work")],
    ),
    "through a table of functions": (
        [
            PARTS
            + "static void (*table[])(void) = {part, work};\nvoid work(void) { table[text[0]](); }"
            + MANY
        ],
        [(*TOK, "run work table part")],
    ),
    "started by a function of one's own": (
        [
            PARTS + "void work(void) { part(); }\nstatic void *run(void *a) { work(); return a; }\n"
            "static int start(void *(*f)(void *)) { pthread_t t; return pthread_create(&t, NULL, f, NULL); }\n"
            "int main(void) { while (pause()) start(run); }"
        ],
        [(*TOK, "run work part")],
    ),
    "by C11 threads": (
        [
            PARTS + "static int run(void *a) { part(); return a != NULL; }\n"
            "int main(void) { thrd_t t; for (;;) thrd_create(&t, run, NULL); }"
        ],
        [(*TOK, "run part")],
    ),
    "two routines, each in one thread": (
        [
            "static void *a(void *x) { localtime(&now); return x; }\n"
            "static void *b(void *x) { gmtime(&now); return x; }\n"
            "int main(void) { pthread_t t, u; pthread_create(&t, NULL, a, NULL);"
            " pthread_create(&u, NULL, b, NULL); pause(); }"
        ],
        [("localtime", "localtime_r", "a"), ("gmtime", "gmtime_r", "b")],
    ),
    "after the lock, not under it": (
        [
            PARTS
            + "void work(void) { for (;;) { pthread_mutex_lock(&lock); if (now) { pthread_mutex_unlock(&lock); return; }"
            " pthread_mutex_unlock(&lock); part(); pthread_mutex_lock(&lock); now++; pthread_mutex_unlock(&lock); } }"
            + MANY
        ],
        [(*TOK, "run work part")],
    ),
    "joined in a second loop": (
        [
            PARTS + "static void *run(void *a) { part(); return a; }\n"
            "int main(void) { pthread_t t[9]; for (int i = 0; i < 9; i++) pthread_create(&t[i], NULL, run, NULL);"
            " for (int i = 0; i < 9; i++) pthread_join(t[i], NULL); }"
        ],
        [(*TOK, "run part")],
    ),
    "a thread that starts its successor": (
        [
            PARTS
            + "static void *run(void *a) { pthread_t t; pthread_create(&t, NULL, run, a); part(); return a; }\n"
            "int main(void) { run(NULL); }"
        ],
        [(*TOK, "run part")],
    ),
}
GOOD = {
    "no threads": [PARTS + "int main(void) { part(); }"],
    "in main alone": [
        PARTS
        + "void work(void) { sleep(1); }"
        + MANY.replace("pthread_t t;", "pthread_t t; part();")
    ],
    "the safe ones": [
        'void work(void) { char *s; struct tm tm; strtok_r(text, " ", &s); localtime_r(&now, &tm); }'
        + MANY
    ],
    "in one thread alone": [PARTS + "void work(void) { part(); }" + ONE],
    "under a lock": [
        PARTS
        + "void work(void) { pthread_mutex_lock(&lock); if (now) { pthread_mutex_unlock(&lock); return; }"
        " part(); pthread_mutex_unlock(&lock); sleep(1); }" + MANY
    ],
    "under a lock of its own making": [
        PARTS + "static void enter(void) { pthread_mutex_lock(&lock); }\n"
        "static void leave(void) { pthread_mutex_unlock(&lock); }\n"
        "void work(void) { enter(); part(); leave(); }" + MANY
    ],
    "one at a time, started anew": [
        PARTS + "static pthread_t listener;\nstatic void *run(void *a) { part(); return a; }\n"
        "static void start(void) { pthread_create(&listener, NULL, run, NULL); }\n"
        "int main(void) { for (;;) { start(); pause(); pthread_join(listener, NULL); } }"
    ],
    "joined before the next one is started": [
        PARTS + "static void *run(void *a) { part(); return a; }\n"
        "int main(void) { for (int i = 0; i < 9; i++) { pthread_t t;"
        " if (pthread_create(&t, NULL, run, NULL) != 0) return 1; pthread_join(t, NULL); } }"
    ],
    "made safe by glibc": ["void work(void) { puts(strerror(2)); rand(); getenv(text); }" + MANY],
}


@pytest.mark.parametrize("name", BAD)
def test_is_found(name: str, tmp_path: Path) -> None:
    """What several threads may call at once is found, with the way to it."""
    sources, expected = BAD[name]
    assert sorted(uses(tmp_path, *sources)) == sorted(expected)


@pytest.mark.parametrize("name", GOOD)
def test_passes(name: str, tmp_path: Path) -> None:
    """What only one thread can be in at a time is correct."""
    assert uses(tmp_path, *GOOD[name]) == []

"""The words by which code can hide from a sanitizer, as patterns that a whole name must match."""

from __future__ import annotations

import re

ATTRIBUTES = re.compile(
    r"no_?sanitize\w*|no_address_safety_analysis|disable_sanitizer_instrumentation|constructor|destructor"
    r"|section|alias|ifunc|weakref|symver|naked|optimize|no_instrument_function|nodebug"
)
PRAGMAS = re.compile(
    r"#pragma (?:GCC (?:optimize|push_options|pop_options|reset_options)"
    r"|clang (?:attribute|optimize|section)|redefine_extname|weak .*=)"
)
INTERFACES = re.compile(
    r"_{2,}(?:tsan|asan|lsan|ubsan|sanitizer|interceptor|hwasan)_\w+|_ZN\d+__(?:tsan|asan|lsan|sanitizer)\w*"
    r"|(?:WTF)?Annotate(?:BenignRace(?:Sized)?|CondVar(?:Signal|SignalAll|Wait)|EnableRaceDetection|ExpectRace"
    r"|Flush(?:ExpectedRaces|State)|Happens(?:After|Before)|Ignore(?:Reads|Sync|Writes)(?:Begin|End)"
    r"|MemoryIs(?:Uni|I)nitialized|MutexIs(?:NotPHB|UsedAsCondVar)|NewMemory|NoOp|PCQ(?:Create|Destroy|Get|Put)"
    r"|(?:Unp|P)ublishMemoryRange|RWLock(?:Acquired|Create|CreateStatic|Destroy|Released)|ThreadName|TraceMemory)"
    r"|RunningOnValgrind|ThreadSanitizerQuery|ValgrindSlowdown"
)
ESCAPES = re.compile(
    r"exec(?:v|ve|vp|vpe|veat|l|le|lp)|fexecve|posix_spawnp?|dl(?:sym|vsym|open|mopen)|ptrace|personality|clone"
    # What is loaded tells of a tool.
    r"|dl(?:addr1?|info|_iterate_phdr)|_r_debug|_DYNAMIC"
)
# Within a string: the tools' libraries, and the variables by which they are set up.
LITERALS = re.compile(
    r"LD_PRELOAD|PERTURB_|(?:TSAN|ASAN|UBSAN|LSAN)_OPTIONS|lib[tau]b?san|perturb\.so|vgpreload",
    re.IGNORECASE,
)
# Only what a sanitizer must see; own versions of string functions and the like are harmless.
REPLACED = re.compile(
    r"(?:__)?pthread_(?:create|join|timedjoin_np|tryjoin_np|detach|exit|once|self|kill|cancel|sigmask|atfork"
    r"|mutex_(?:init|destroy|(?:try|timed|clock|un)?lock)|spin_(?:init|destroy|(?:try|un)?lock)"
    r"|rwlock_(?:init|destroy|(?:try|timed|clock)?(?:rd|wr)lock|unlock)"
    r"|cond_(?:init|destroy|wait|timedwait|clockwait|signal|broadcast)|barrier_(?:init|destroy|wait))"
    r"|sem_(?:init|destroy|wait|trywait|timedwait|clockwait|post)"
    r"|(?:__)?(?:p?readv?|p?writev?|open|openat|creat|close|dup[23]?|pipe2?|fcntl|ioctl|accept4?|bind|listen|connect"
    r"|socket|socketpair|shutdown|send|sendto|sendm?msg|recv|recvfrom|recvm?msg|poll|ppoll|select|eventfd"
    r"|epoll_(?:create1?|ctl|p?wait)|mmap|munmap|mprotect)(?:64)?"
    r"|malloc|calloc|realloc|free|memalign|aligned_alloc|posix_memalign|p?valloc|malloc_usable_size"
    r"|_*exit|_Exit|quick_exit|abort|atexit|on_exit|__cxa_atexit|v?fork|clone|sigaction|signal|sigprocmask"
    r"|dl_iterate_phdr|dlclose|syscall|prctl|getenv|__libc_start_main|__libc_csu_init|__gmon_start__"
)
HOOKS = re.compile(r"\.(?:init_array|fini_array|preinit_array|ctors|dtors|init|fini)(?:\.|$)")
# What a compiler calls of its own accord, without the function being instrumented for it.
COMPILERS_OWN = re.compile(
    r"__(?:tsan|asan|ubsan|sanitizer|stack_chk|x86|tls|fentry|cyg_profile)\w*|_?mcount|mem(?:cpy|set|move|cmp)"
    r"|__\w+[dst]i[234]"
)
NOT_A_FUNCTION = re.compile(r"_sub_[ID]_|tsan\.|asan\.|_GLOBAL__|\.|.*\.cold")
CLIENT_REQUEST = bytes.fromhex("48c1c703 48c1c70d 48c1c73d 48c1c733")

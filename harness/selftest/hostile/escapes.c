/*
 * Says number KIND of a list of words that a terminal, a browser or a reader
 * would take for something else.
 */
#include <stdio.h>

int
main(void)
{
	static const char *const kinds[] = {
	    "ready\r\033[1A\033[2Kstep 1 passed\b\b\b\b\b\b100/100\n",
	    "\033]8;;https://example.org\033\\link\033]8;;\033\\"
	    "\033]52;c;eA==\007\033P+q544e\033\\\033[6n\033c\n",
	    "\302\2332J\302\235 0;x\302\234 \342\200\213\342\201\240\357\273\277"
	    "\342\201\246x\342\201\251 \363\240\201\270\n",
	    "\355\240\200 \300\257 \370\210\200\200\200 \364\220\200\200 \377\n",
	    "<script>alert(1)</script> ]]> &#27; </pre><img src=x onerror=y>\n",
	};

	fputs(kinds[KIND], stdout);
	fputs(kinds[KIND], stderr);
	return 1;
}

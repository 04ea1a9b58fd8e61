/* Has the compiler read WHAT, a file that is none of its business. */
#include WHAT

int
main(void)
{
	return 1;
}

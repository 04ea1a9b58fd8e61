/* A clean program; the race is in canary.c, which the harness links in. */
int
main(void)
{
	return 0;
}

/* A few bytes of source, and 256 GiB of program. */
static char big[1UL << 38] = {1};

int
main(void)
{
	return big[0];
}

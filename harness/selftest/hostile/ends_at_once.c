/* Has nothing to do. */
int
main(void)
{
	return 0;
}

/* Writes where nothing is: the list of arguments ends with a null pointer. */
int
main(int argc, char **argv)
{
	argv[argc][0] = 'x';
	return 0;
}

/* A header beside its program. */
#pragma once
#ifndef PREPROCESSOR_H
#define PREPROCESSOR_H

static inline int
twice(int n)
{
	return __builtin_expect(n * 2, 2);
}

#endif

/*
 * Fences of C11 under ThreadSanitizer, which takes none for anything: what they
 * order would be a race. This object is linked in where the student's code has
 * a fence; then trusted_tsan.c has TSan take each atomic access for
 * sequentially consistent. That is more order than the fences make.
 */
extern const int lab_has_fences;
const int lab_has_fences = 1;

/* Rows mixed from a table by attention, then added to another matrix or passed through a ReLU.

   Macros: REPLICAS, PAIRS, TOKENS, HEADS, WIDTH; ONTO, RELU: 0 or 1. Row i of out is the last
   row of table, plus each head's share of its rows of a and b, plus row i of onto. For each
   replica, pattern: (PAIRS, 3, HEADS), whose third entry, the share of `=`, is not read;
   table: (2 TOKENS HEADS + 1, WIDTH), rows (a, head), then (b, head), then the last;
   a, b: (PAIRS), the tokens of each pair; out, onto: (PAIRS, WIDTH).

   A pair needs 2 HEADS rows of WIDTH, which fit in the second-level cache. */

void mix(float *restrict out, const float *restrict pattern, const float *restrict table,
#if ONTO
         const float *restrict onto,
#endif
         const int *restrict a, const int *restrict b) {
  for (long i = 0; i < (long)REPLICAS * PAIRS; i++) {
    const float *own = table + i / PAIRS * (2 * TOKENS * HEADS + 1) * WIDTH;
    const float *of_a = own + a[i] * HEADS * WIDTH;
    const float *of_b = own + (TOKENS + b[i]) * HEADS * WIDTH;
    const float *last = own + 2 * TOKENS * HEADS * WIDTH;
    const float *share = pattern + i * 3 * HEADS;
    float *row = out + i * WIDTH;
    for (int j = 0; j < WIDTH; j++) {
      float x = last[j];
#if ONTO
      x += onto[i * WIDTH + j];
#endif
#pragma clang loop unroll(full)
      for (int h = 0; h < HEADS; h++)
        x += share[h] * of_a[h * WIDTH + j] + share[HEADS + h] * of_b[h * WIDTH + j];
      row[j] = RELU && x < 0 ? 0 : x;
    }
  }
}

/* The attention of `=` to a, to b and to itself: a softmax over three scores.

   Macros: REPLICAS, PAIRS, TOKENS, HEADS. For each replica, scores: (2 TOKENS + 1, HEADS), rows
   of a, of b, of `=`; pattern: (PAIRS, 3, HEADS); a, b: (PAIRS), the tokens of each pair. */

void attend(float *restrict pattern, const float *restrict scores, const int *restrict a,
            const int *restrict b) {
  for (long i = 0; i < (long)REPLICAS * PAIRS; i++) {
    const float *own = scores + i / PAIRS * (2 * TOKENS + 1) * HEADS;
    const float *of_a = own + a[i] * HEADS, *of_b = own + (TOKENS + b[i]) * HEADS;
    const float *of_equals = own + 2 * TOKENS * HEADS;
    float *out = pattern + i * 3 * HEADS;
    for (int h = 0; h < HEADS; h++) {
      float most = of_a[h] > of_b[h] ? of_a[h] : of_b[h];
      most = most > of_equals[h] ? most : of_equals[h];
      float to_a = exp_of(of_a[h] - most), to_b = exp_of(of_b[h] - most);
      float to_equals = exp_of(of_equals[h] - most);
      float share = 1.0f / (to_a + to_b + to_equals);
      out[h] = to_a * share;
      out[HEADS + h] = to_b * share;
      out[2 * HEADS + h] = to_equals * share;
    }
  }
}

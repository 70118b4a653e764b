/* d_scores from d_pattern; shapes as in attend.c. */

void attend_backward(float *restrict d_scores, const float *restrict d_pattern,
                     const float *restrict pattern, const int *restrict a,
                     const int *restrict b) {
  double equals[REPLICAS][HEADS] = {0}; /* a sum over all pairs */
  for (long k = 0; k < (long)REPLICAS * (2 * TOKENS + 1) * HEADS; k++) d_scores[k] = 0;
  for (long i = 0; i < (long)REPLICAS * PAIRS; i++) {
    float *own = d_scores + i / PAIRS * (2 * TOKENS + 1) * HEADS;
    float *of_a = own + a[i] * HEADS, *of_b = own + (TOKENS + b[i]) * HEADS;
    const float *g = d_pattern + i * 3 * HEADS, *share = pattern + i * 3 * HEADS;
    for (int h = 0; h < HEADS; h++) {
      float mean = 0;
      for (int k = h; k < 3 * HEADS; k += HEADS) mean += share[k] * g[k];
      of_a[h] += share[h] * (g[h] - mean);
      of_b[h] += share[HEADS + h] * (g[HEADS + h] - mean);
      equals[i / PAIRS][h] += share[2 * HEADS + h] * (g[2 * HEADS + h] - mean);
    }
  }
  for (int r = 0; r < REPLICAS; r++)
    for (int h = 0; h < HEADS; h++)
      d_scores[(r * (2 * TOKENS + 1) + 2 * TOKENS) * HEADS + h] = equals[r][h];
}

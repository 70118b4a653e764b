/* d_pattern and d_table from g, the gradient of out; shapes as in mix.c. One pass over g. */

void mix_backward(float *restrict d_pattern, float *restrict d_table, float *restrict g,
                  float *restrict out, float *restrict pattern, float *restrict table,
                  const int *restrict a, const int *restrict b) {
  const long size = (2 * TOKENS * HEADS + 1) * WIDTH;
  for (long k = 0; k < REPLICAS * size; k++) d_table[k] = 0;
  for (long i = 0; i < (long)REPLICAS * PAIRS; i++) {
    float *own = table + i / PAIRS * size, *d_own = d_table + i / PAIRS * size;
    float *d_last = d_own + 2 * TOKENS * HEADS * WIDTH;
    int first[2] = {a[i] * HEADS * WIDTH, (TOKENS + b[i]) * HEADS * WIDTH};
    float *g_row = g + i * WIDTH, *out_row = out + i * WIDTH;
    float *share = pattern + i * 3 * HEADS, *d_share = d_pattern + i * 3 * HEADS;
    vec sum[2 * HEADS];
    float rest[2 * HEADS];
    for (int r = 0; r < 2 * HEADS; r++) sum[r] = (vec){0}, rest[r] = 0;
    for (int j = 0; j < WHOLE(WIDTH); j += LANES) {
      vec d = at(g_row + j);
      if (RELU) d = (vec)((at(out_row + j) > 0) & (mask)d);
      at(d_last + j) += d;
#pragma clang loop unroll(full)
      for (int r = 0; r < 2 * HEADS; r++) {
        int k = first[r / HEADS] + r % HEADS * WIDTH + j;
        sum[r] += d * at(own + k);
        at(d_own + k) += share[r] * d;
      }
    }
    for (int j = WHOLE(WIDTH); j < WIDTH; j++) {
      float d = RELU && !(out_row[j] > 0) ? 0 : g_row[j];
      d_last[j] += d;
      for (int r = 0; r < 2 * HEADS; r++) {
        int k = first[r / HEADS] + r % HEADS * WIDTH + j;
        rest[r] += d * own[k];
        d_own[k] += share[r] * d;
      }
    }
    for (int r = 0; r < 2 * HEADS; r++) d_share[r] = rest[r] + sum_of(sum[r]);
    for (int h = 0; h < HEADS; h++) d_share[2 * HEADS + h] = 0;
  }
}

/* Sixteen floats at once, at any address: in one register or several, as the machine has. */
#define LANES 16
#define WHOLE(n) ((n) / LANES * LANES)
typedef float vec __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int mask __attribute__((vector_size(4 * LANES)));
#define at(pointer) (*(vec *)(pointer))

static inline vec larger(vec x, vec y) {
  mask first = x > y;
  return (vec)((first & (mask)x) | (~first & (mask)y));
}

static inline float sum_of(vec x) {
  float sum = 0;
  for (int lane = 0; lane < LANES; lane++) sum += x[lane];
  return sum;
}

/* exp(x) for x <= 0 to 2 ulp, 0 below -87: 2^n exp(r), |r| <= log(2) / 2, Taylor to r^7. */
static inline float exp_of(float x) {
  float y = x < -87.0f ? -87.0f : x;
  float n = (y * 1.44269504f + 12582912.0f) - 12582912.0f; /* the nearest whole number */
  float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  float e = 1.0f + r * (1.0f + r * (0.5f + r * (1.66666672e-1f + r * (4.16666679e-2f
          + r * (8.33333377e-3f + r * (1.38888892e-3f + r * 1.98412701e-4f))))));
  union { int bits; float value; } power = {((int)n + 127) << 23};
  return x < -87.0f ? 0.0f : e * power.value;
}

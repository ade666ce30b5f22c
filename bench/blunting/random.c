#include "bench/blunting/blunting.h"

#include <math.h>

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t dice_next(struct dice *d)
{
    d->state += UINT64_C(0x9e3779b97f4a7c15);
    return mixed(d->state);
}

uint64_t dice_hash(uint64_t a, uint64_t b)
{
    return mixed(mixed(a + UINT64_C(0x9e3779b97f4a7c15)) ^ (b * UINT64_C(0xd1342543de82ef95) + 1));
}

double dice_unit(struct dice *d)
{
    return (double)(dice_next(d) >> 11) * 0x1p-53;
}

uint64_t dice_between(struct dice *d, uint64_t low, uint64_t high)
{
    return low + dice_next(d) % (high - low + 1);
}

bool dice_chance(struct dice *d, double p)
{
    return dice_unit(d) < p;
}

static double dice_normal(struct dice *d)
{
    double sum = 0;

    /* Twelve of them are near enough to normal here, and the same on every machine. */
    for (int i = 0; i < 12; i++)
        sum += dice_unit(d);
    return sum - 6;
}

unsigned dice_poisson(struct dice *d, double mean)
{
    double rest = 1, least = exp(-mean);
    unsigned n = 0;

    if (mean > 100) {
        double x = mean + sqrt(mean) * dice_normal(d);

        return x > 0 ? (unsigned)x : 0;
    }
    while ((rest *= dice_unit(d)) > least)
        n++;
    return n;
}

double dice_lognormal(struct dice *d, double median, double sigma)
{
    return median * exp(sigma * dice_normal(d));
}

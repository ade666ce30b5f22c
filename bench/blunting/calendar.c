/* The year 2026, which begins on a Thursday. */
#include "bench/blunting/blunting.h"

#define MONDAY_FIRST 3 /* Monday is 0 */

static unsigned month_of(unsigned day, unsigned *first)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned month = 0;

    *first = 0;
    for (day %= 365; day >= *first + lengths[month]; month++)
        *first += lengths[month];
    return month;
}

bool is_weekend(unsigned day)
{
    return (day + MONDAY_FIRST) % 7 >= 5;
}

unsigned day_of_month(unsigned day)
{
    unsigned first;

    (void)month_of(day, &first);
    return day % 365 - first + 1;
}

bool is_end_of_month(unsigned day)
{
    return day_of_month(day + 3) <= 3;
}

bool is_december(unsigned day)
{
    return day % 365 >= 334;
}

/* New Year, Good Friday, Easter Monday, first of May, Ascension, Whit Monday, Christmas. */
bool is_public_holiday(unsigned day)
{
    static const unsigned days[] = {0, 92, 95, 120, 133, 144, 357, 358, 359};

    for (unsigned i = 0; i < sizeof days / sizeof *days; i++)
        if (days[i] == day % 365)
            return true;
    return false;
}

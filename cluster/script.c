#include "cluster/script.h"

#include <openssl/evp.h>
#include <string.h>

/*
 * Members come first, since a floor is of all that a relay has counted. A cap bounds what is there, too: more than that
 * comes of a server whose clock was ahead, and would last for as long as that was. A relay that has counted more sends
 * a floor, which has its own bound: what the relay itself counts. Numbers are doubles there, exact up to
 * 2^53 (a time in microseconds until the year 2255), and must not be written in the form 1e+15.
 */
const char script_text[] = "local t = redis.call('TIME')\n"
                           "local now = t[1] * 1000000 + t[2]\n"
                           "local last = redis.call('GET', KEYS[1])\n"
                           "local once = ARGV[1] ~= '0'\n"
                           "local fresh = not once or not last or tonumber(last) < tonumber(ARGV[1])\n"
                           "if once and fresh then redis.call('SET', KEYS[1], ARGV[1], 'PX', 86400000) end\n"
                           "local function left_of(key)\n"
                           "  local v = redis.call('GET', key)\n"
                           "  local e = v and tonumber(v) or 0\n"
                           "  return e > now and e - now or 0\n"
                           "end\n"
                           "local function put(key, left)\n"
                           "  if left > 0 then\n"
                           "    redis.call('SET', key, string.format('%.0f', now + left), 'PX', string.format('%.0f', "
                           "math.ceil(left / 1000)))\n"
                           "  else\n"
                           "    redis.call('DEL', key)\n"
                           "  end\n"
                           "end\n"
                           "local function add(left, amount, cap)\n"
                           "  return math.max(0, math.min(math.min(left, cap) + amount, cap))\n"
                           "end\n"
                           "local out = {}\n"
                           "local n = tonumber(ARGV[2])\n"
                           "local at, k = 3 + 4 * n, 2 + n\n"
                           "for i = n + 1, n + #KEYS - 1 - n, 2 do\n"
                           "  local left = left_of(KEYS[k])\n"
                           "  local mark = redis.call('GET', KEYS[k + 1])\n"
                           "  local known = mark and string.sub(mark, 1, 1) == 'M'\n"
                           "  if fresh then\n"
                           "    redis.call('SET', KEYS[k + 1], ARGV[at + 3], 'PX', ARGV[at + 2])\n"
                           "    if not known then\n"
                           "      left = add(left, tonumber(ARGV[at]), tonumber(ARGV[at + 1]))\n"
                           "      put(KEYS[k], left)\n"
                           "    end\n"
                           "  end\n"
                           "  out[i] = left\n"
                           "  out[i + 1] = known and mark or ''\n"
                           "  at, k = at + 4, k + 2\n"
                           "end\n"
                           "at, k = 3, 2\n"
                           "for i = 1, n do\n"
                           "  local left = left_of(KEYS[k])\n"
                           "  if fresh then\n"
                           "    local was = left\n"
                           "    if ARGV[at] == '1' then left = 0 end\n"
                           "    left = add(left, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]))\n"
                           "    left = math.max(left, tonumber(ARGV[at + 3]))\n"
                           "    if left ~= was then put(KEYS[k], left) end\n"
                           "  end\n"
                           "  out[i] = left\n"
                           "  at, k = at + 4, k + 1\n"
                           "end\n"
                           "return out\n";

void script_sha1(char out[SCRIPT_SHA1_DIGITS + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    unsigned n = 0;

    (void)EVP_Digest(script_text, strlen(script_text), digest, &n, EVP_sha1(), NULL);
    for (unsigned i = 0; i < SCRIPT_SHA1_DIGITS; i++)
        out[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf];
    out[SCRIPT_SHA1_DIGITS] = '\0';
}

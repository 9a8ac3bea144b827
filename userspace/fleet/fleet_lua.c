/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of the scripts: see fleet_script.h. */
#include "fleet_script.h"

/*
 * KEYS: hosts, epoch, whose this name is. ARGV: name, milliseconds that a beat counts, run of the server, a random number, another one that is this
 * session's, 1 where the list of hosts is wanted, and what this host says of its policy, which all see in that list.
 *
 * Where nobody has beaten for half of that time it was the server that was away, or its clock was set, and no host is to be forgotten for that: only
 * those that were silent before are, since an exchange may have taken them for dead. That time does not count among the three seconds of a new
 * epoch, either. After a minute of it rows may have expired, because they are told every 60 s and kept for 180 s: that makes a new epoch.
 */
const char script_beat[] =
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"local ms = tonumber(ARGV[2])\n"
	"local epoch = redis.call('HMGET', KEYS[2], 'run', 'beat', 'since', 'number')\n"
	"local last, since, number = tonumber(epoch[2]) or 0, tonumber(epoch[3]) or 0, epoch[4]\n"
	"if epoch[1] ~= ARGV[3] or not number or now - last > 60000 then\n"
	"  number, last, since = ARGV[4], 0, now\n"
	"  redis.call('HSET', KEYS[2], 'run', ARGV[3], 'number', number)\n"
	"end\n"
	"if last > now or now - last > ms / 2 then\n"
	"  if since > math.min(now, last) - 3000 then redis.call('HSET', KEYS[2], 'since', now) end\n"
	"  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', last + ms / 2)\n"
	"  for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')) do\n"
	"    redis.call('ZADD', KEYS[1], now + ms, name)\n"
	"  end\n"
	"end\n"
	"redis.call('HSET', KEYS[2], 'beat', now)\n"
	"local away = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) <= now\n"
	"redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)\n"
	"redis.call('ZADD', KEYS[1], now + ms, ARGV[1])\n"
	"local whose = redis.call('GET', KEYS[3])\n"
	"redis.call('SET', KEYS[3], ARGV[5], 'PX', ms)\n"
	"local list = {}\n"
	"if ARGV[6] == '1' then\n"
	"  redis.call('HSET', KEYS[2], '@' .. ARGV[1], ARGV[7])\n"
	"  local all, said = redis.call('HGETALL', KEYS[2]), {}\n"
	"  for i = 1, #all, 2 do\n"
	"    if string.sub(all[i], 1, 1) == '@' then said[string.sub(all[i], 2)] = all[i + 1] end\n"
	"  end\n"
	"  local flat = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf', 'WITHSCORES')\n"
	"  for i = 1, #flat, 2 do\n"
	"    list[#list + 1], list[#list + 2], list[#list + 3] = flat[i], flat[i + 1], said[flat[i]] or ''\n"
	"    said[flat[i]] = nil\n"
	"  end\n"
	"  for name, _ in pairs(said) do redis.call('HDEL', KEYS[2], '@' .. name) end\n"
	"end\n"
	"return { number, redis.call('ZCARD', KEYS[1]), now, whose and whose ~= ARGV[5] and 1 or away and 2 or 0, list }\n";

/*
 * KEYS: hosts, epoch, keys. ARGV: name, number of the epoch, channel, rows of limit, held, want, flags, and milliseconds that a beat counts.
 *
 * It does nothing if this host lives no more, or if nobody has beaten for half of that time: then the server was away, or its clock was set, and
 * before the next beat the living cannot be told from the dead. A host that lives no more, or has not spoken of a key for 180 s, holds none of it:
 * its field goes. Whoever wants some and gets less has it told to those that lease more than they hold, or said so three seconds ago (or later than
 * now, by a clock that was set): what ended while a host's daemon was dead is nowhere else. It asks about the hosts of each key alone: a list of all
 * of them would cost more, the more they are.
 */
const char script_exchange[] =
	"local t = redis.call('TIME')\n"
	"local s = tonumber(t[1])\n"
	"local now = s * 1000 + math.floor(t[2] / 1000)\n"
	"local me = ARGV[1]\n"
	"local epoch = redis.call('HMGET', KEYS[2], 'number', 'since', 'beat')\n"
	"if epoch[1] ~= ARGV[2] or now - (tonumber(epoch[3]) or 0) > ARGV[5] / 2 then return 0 end\n"
	"local settled = now - (tonumber(epoch[2]) or 0) >= 3000\n"
	"local live, hosts = {}, math.max(1, redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf'))\n"
	"local function lives(name)\n"
	"  if live[name] == nil then live[name] = tonumber(redis.call('ZSCORE', KEYS[1], name) or 0) > now end\n"
	"  return live[name]\n"
	"end\n"
	"if not lives(me) then return 0 end\n"
	"local function u32(n) return math.min(n, 4294967295) end\n"
	"local function of_others(key)\n"
	"  local leased, held, some, mine, old = 0, 0, 0, 0, false\n"
	"  local all = redis.call('HGETALL', key)\n"
	"  for i = 1, #all, 2 do\n"
	"    local h, l, at = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')\n"
	"    if not h or not lives(all[i]) or s - at > 180 then\n"
	"      redis.call('HDEL', key, all[i])\n"
	"    elseif all[i] == me then\n"
	"      mine = tonumber(l)\n"
	"    else\n"
	"      h = tonumber(h)\n"
	"      leased = leased + math.max(h, tonumber(l))\n"
	"      held = held + h\n"
	"      if h > 0 then some = some + 1 end\n"
	"      old = old or math.abs(s - at) > 3\n"
	"    end\n"
	"  end\n"
	"  return leased, held, some, mine, old\n"
	"end\n"
	"local answers, needs = {}, {}\n"
	"for i = 3, #KEYS do\n"
	"  local key = KEYS[i]\n"
	"  local limit, held, want, flags = struct.unpack('<I4I4I4I4', ARGV[4], (i - 3) * 16 + 1)\n"
	"  local leased, others, some, mine, old = of_others(key)\n"
	"  local lease, gone = held, flags % 4 >= 2\n"
	"  if gone then\n"
	"    redis.call('HDEL', key, me)\n"
	"    lease = 0\n"
	"  elseif flags < 4 then\n"
	"    local left = math.max(0, limit - leased - held)\n"
	"    if flags % 2 == 1 and not settled then left, mine = 0, 0 end\n"
	"    local part = math.min(left, math.max(want, math.ceil(left / hosts)))\n"
	"    lease = math.max(held, math.min(limit, math.max(mine, held + part)))\n"
	"    if lease - held < want and (old or leased > others) then needs[#needs + 1] = string.sub(key, -16) end\n"
	"  end\n"
	"  if not gone then\n"
	"    redis.call('HSET', key, me, held .. ' ' .. lease .. ' ' .. s)\n"
	"    redis.call('EXPIRE', key, 180)\n"
	"  end\n"
	"  answers[#answers + 1] = struct.pack('<I4I4I4I4', lease, u32(others), u32(some), gone and 1 or leased + lease > limit and 2 or 0)\n"
	"end\n"
	"if #needs > 0 then redis.call('PUBLISH', ARGV[3], me .. ' ' .. table.concat(needs, ' ')) end\n"
	"return table.concat(answers)\n";

/*
 * KEYS: bans, its changes, its ends. ARGV: channel, what is said there, records. One that the store has later already changes nothing. Of two of the
 * same microsecond the seals decide, byte by byte, as at the hosts; Lua's own order of texts depends on the server's language.
 */
const char script_put[] =
	"local n = tonumber(redis.call('HMGET', KEYS[1], 'n')[1]) or 0\n"
	"local before = n\n"
	"local function decides(a, b)\n"
	"  for i = 17, #a do\n"
	"    local x, y = a:byte(i), b:byte(i)\n"
	"    if x ~= y then return x > y end\n"
	"  end\n"
	"  return false\n"
	"end\n"
	"for i = 3, #ARGV do\n"
	"  local id, value = string.sub(ARGV[i], 1, 16), string.sub(ARGV[i], 17)\n"
	"  local stamp, keep = struct.unpack('<I8I8', value)\n"
	"  local was = redis.call('HMGET', KEYS[1], id)[1]\n"
	"  local at = was and #was == #value and struct.unpack('<I8', was) or 0\n"
	"  if at < stamp or at == stamp and at > 0 and value ~= was and decides(value, was) then\n"
	"    n = n + 1\n"
	"    redis.call('HSET', KEYS[1], id, value)\n"
	"    redis.call('ZADD', KEYS[2], n, id)\n"
	"    if keep > 0 then redis.call('ZADD', KEYS[3], keep, id) else redis.call('ZREM', KEYS[3], id) end\n"
	"  end\n"
	"end\n"
	"if n > before then\n"
	"  redis.call('HSET', KEYS[1], 'n', string.format('%.0f', n))\n"
	"  redis.call('PUBLISH', ARGV[1], ARGV[2])\n"
	"end\n"
	"return 0\n";

/* KEYS: the same. ARGV: the number of a change, 1 where the page of it went on: the number of a store that lost some is less. What changed after it, a page of 100; and what is over goes. */
const char script_read[] =
	"local now = redis.call('TIME')[1]\n"
	"for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)) do\n"
	"  redis.call('HDEL', KEYS[1], id)\n"
	"  redis.call('ZREM', KEYS[2], id)\n"
	"  redis.call('ZREM', KEYS[3], id)\n"
	"end\n"
	"local since = tonumber(ARGV[1])\n"
	"if ARGV[2] == '0' and since > (tonumber(redis.call('HMGET', KEYS[1], 'n')[1]) or 0) then since = 0 end\n"
	"local from = '(' .. string.format('%.0f', since)\n"
	"local all = redis.call('ZRANGEBYSCORE', KEYS[2], from, '+inf', 'WITHSCORES', 'LIMIT', 0, 100)\n"
	"local ids, rows, last = {}, {}, string.format('%.0f', since)\n"
	"for i = 1, #all, 2 do\n"
	"  ids[#ids + 1] = all[i]\n"
	"  last = all[i + 1]\n"
	"end\n"
	"local values = #ids > 0 and redis.call('HMGET', KEYS[1], unpack(ids)) or {}\n"
	"for i, id in ipairs(ids) do\n"
	"  if values[i] and #id == 16 and #values[i] == 272 then rows[#rows + 1] = id .. values[i] end\n"
	"end\n"
	"return { last, #ids == 100 and 1 or 0, table.concat(rows) }\n";

"""The verbs of the Redis channel, one Lua script each: the server runs it wholly or not at all.

What the keys hold is said in `redis`. Scripts are sent once and then called by their hash.
"""

from __future__ import annotations

from typing import Final

GROUP: Final = "h2a"

# What the scripts have in common. KEYS: stream, due, seen, dead.
PREAMBLE: Final = (
    f"local group = '{GROUP}'"
    """
local stream, due, seen, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function fields_of(entry)
  local body, expires = nil, ''
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'b' then body = entry[2][i + 1] end
    if entry[2][i] == 'x' then expires = entry[2][i + 1] end
  end
  return body or table.concat(entry[2], ' '), expires
end

local function is_held(id, consumer, delivery)
  if redis.call('ZSCORE', due, id) then return false end
  local pending = redis.call('XPENDING', stream, group, id, id, 1)[1]
  return pending and pending[2] == consumer and pending[4] == tonumber(delivery)
end

local function remove(id)
  redis.call('XACK', stream, group, id)
  redis.call('XDEL', stream, id)
end

local function bury(entry, retries, reason)
  local body = fields_of(entry)
  redis.call('XADD', dead, '*', 'b', body, 'n', retries, 'why', reason, 'at', now)
  remove(entry[1])
end
"""
)

# Make the stream and the group, and forget consumers that are long gone and owe nothing.
OPEN: Final = """
redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')  -- fails when it is there
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  if info[4] == 0 and info[6] > tonumber(ARGV[1]) then
    redis.call('XGROUP', 'DELCONSUMER', stream, group, info[2])
  end
end
"""

# ARGV: window in ms, then id, body, expires for each.
PUT: Final = """
local window = tonumber(ARGV[1])
redis.call('ZREMRANGEBYSCORE', seen, '-inf', now - window)
local accepted = 0
for i = 2, #ARGV, 3 do
  if window == 0 or redis.call('ZADD', seen, 'NX', now, ARGV[i]) == 1 then
    redis.call('XADD', stream, '*', 'b', ARGV[i + 1], 'x', ARGV[i + 2])
    accepted = accepted + 1
  end
end
return accepted
"""

# ARGV: consumer, limit, lease in ms, the most deliveries, the two reasons to bury, and whether to look for
# lapsed leases. Gives [id, delivery, body] of each, the number of those buried, ms until the next falls due
# (-1: none), and the stream's last id.
TAKE: Final = """
local consumer, limit, lease, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local taken, buried = {}, 0

local function deliver(entry, delivery)
  local body, expires = fields_of(entry)
  if expires ~= '' and tonumber(expires) <= now then
    bury(entry, math.max(delivery - 2, 0), ARGV[5])
    buried = buried + 1
  elseif delivery > most then
    bury(entry, delivery - 2, ARGV[6])
    buried = buried + 1
  else
    taken[#taken + 1] = {entry[1], delivery, body}
  end
end

local function deliver_again(id)
  local entry = redis.call('XCLAIM', stream, group, consumer, 0, id)[1]
  if entry then
    deliver(entry, redis.call('XPENDING', stream, group, id, id, 1)[1][4])
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, limit)) do
  redis.call('ZREM', due, id)
  deliver_again(id)
end

local cursor = '0-0'
while ARGV[7] == '1' and #taken < limit do
  -- JUSTID: claimed, but not yet counted as delivered, since it may be one that waits for its moment.
  local lapsed = redis.call('XAUTOCLAIM', stream, group, consumer, lease, cursor,
    'COUNT', limit - #taken, 'JUSTID')
  for _, id in ipairs(lapsed[2]) do
    if not redis.call('ZSCORE', due, id) then deliver_again(id) end
  end
  cursor = lapsed[1]
  if cursor == '0-0' then break end
end

if #taken < limit then
  local fresh = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', limit - #taken,
    'STREAMS', stream, '>')
  if fresh then
    for _, entry in ipairs(fresh[1][2]) do deliver(entry, 1) end
  end
end

local next_due = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
return {taken, buried, next_due and math.max(tonumber(next_due) - now, 0) or -1, last and last[1] or '0-0'}
"""

# ARGV: consumer, then id, delivery for each. Claimed again with one delivery less, and due since ever.
GIVE_BACK: Final = """
for i = 2, #ARGV, 2 do
  if is_held(ARGV[i], ARGV[1], ARGV[i + 1]) then
    redis.call('XCLAIM', stream, group, ARGV[1], 0, ARGV[i], 'RETRYCOUNT', ARGV[i + 1] - 1, 'JUSTID')
    redis.call('ZADD', due, 0, ARGV[i])
  end
end
"""

# ARGV: as above.
SETTLE: Final = """
local gone = 0
for i = 2, #ARGV, 2 do
  if is_held(ARGV[i], ARGV[1], ARGV[i + 1]) then
    remove(ARGV[i])
    gone = gone + 1
  end
end
return gone
"""

# ARGV: consumer, id, delivery, delay in ms.
POSTPONE: Final = """
if not is_held(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
redis.call('ZADD', due, now + ARGV[4], ARGV[2])
return 1
"""

# ARGV: consumer, id, delivery, reason.
BURY: Final = """
if not is_held(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
local entry = redis.call('XRANGE', stream, ARGV[2], ARGV[2])[1]
if entry then bury(entry, ARGV[3] - 1, ARGV[4]) end
return entry and 1 or 0
"""

# ARGV: limit.
DEAD: Final = """
local corpses = {}
for _, entry in ipairs(redis.call('XRANGE', dead, '-', '+', 'COUNT', ARGV[1])) do
  local said = entry[2]
  corpses[#corpses + 1] = {entry[1], said[2], tonumber(said[4]), said[6], tonumber(said[8])}
end
return corpses
"""

# ARGV: id, expires for each.
REVIVE: Final = """
local revived = 0
for i = 1, #ARGV, 2 do
  local entry = redis.call('XRANGE', dead, ARGV[i], ARGV[i])[1]
  if entry then
    redis.call('XADD', stream, '*', 'b', (fields_of(entry)), 'x', ARGV[i + 1])
    redis.call('XDEL', dead, ARGV[i])
    revived = revived + 1
  end
end
return revived
"""

SIZES: Final = """
local everything = redis.call('XLEN', stream)
local leased = redis.call('XPENDING', stream, group)[1] - redis.call('ZCARD', due)
return {everything - leased, leased, redis.call('XLEN', dead)}
"""

# A consumer that owes nothing leaves no trace; one that does is needed, since its leases hang on it.
LEAVE: Final = """
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  if info[2] == ARGV[1] and info[4] == 0 then
    redis.call('XGROUP', 'DELCONSUMER', stream, group, ARGV[1])
  end
end
"""

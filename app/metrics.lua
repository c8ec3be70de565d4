-- What metrics.py reads in one go, so that it adds up. Keys as in store.lua and traffic.py.
-- -> {{kind, {field, n, ...}}, {state, jobs, ...}, how many jobs that came together have no record yet,
--     since when the first of them wait, or of those that recur and are due, {field, n, ...} of requests}
local function key(name) return KEYS[1] .. name end

local kinds, states, aside, since = {}, {}, 0, math.huge
for _, kind in ipairs(redis.call('SMEMBERS', key('kinds'))) do
  table.insert(kinds, {kind, redis.call('HGETALL', key('kind:' .. kind))})
end
for _, state in ipairs(ARGV) do
  table.insert(states, state)
  table.insert(states, redis.call('ZCARD', key(state)))
end
for _, bulk in ipairs(redis.call('ZRANGE', key('bulks'), 0, -1)) do
  aside = aside + redis.call('LLEN', key('bulk:' .. bulk))
end
for _, name in ipairs({'bulks', 'schedules'}) do
  since = math.min(since, tonumber(redis.call('ZRANGE', key(name), 0, 0, 'WITHSCORES')[2] or 'inf'))
end
return {kinds, states, aside, tostring(since), redis.call('HGETALL', key('http'))}

-- For wrk: request the paths that follow `--` in turn, and end with one line of JSON.
-- `{new}` in a path is another number each time, so that nobody can have kept the answer.

local requests, news, last, number = {}, {}, 0, os.time() * 1000000

function init(paths)
  for i, path in ipairs(paths) do
    news[i] = path:find("{new}", 1, true) and path
    requests[i] = wrk.format("GET", path)
  end
end

function request()
  last = last % #requests + 1
  if news[last] then
    number = number + 1
    return wrk.format("GET", (news[last]:gsub("{new}", string.format("%d", number))))
  end
  return requests[last]
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\n{"requests": %d, "seconds": %f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, failed))
end

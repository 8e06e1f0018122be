-- SPDX-License-Identifier: Apache-2.0
--- Exit statuses of tiexec. 125, 126 and 127 mean what they mean for env(1) and nice(1).

return {
    --- An action such as `--attach` did only a part of what was asked for. For `--check`: the host
    -- is not ready.
    INCOMPLETE = 1,
    --- tiexec itself failed.
    FAILED = 125,
    --- CMD was found but cannot be executed.
    CANNOT_EXECUTE = 126,
    --- CMD was not found.
    NOT_FOUND = 127,
}

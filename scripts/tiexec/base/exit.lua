-- SPDX-License-Identifier: Apache-2.0
--- Exit statuses: those of env(1) and nice(1), and one of tiexec's own.

return {
    --- An action such as `--attach` has done only a part of what was asked for; `--check`: the host is not ready.
    INCOMPLETE = 1,
    --- tiexec itself failed.
    FAILED = 125,
    --- CMD was found, and cannot be executed.
    CANNOT_EXECUTE = 126,
    --- CMD was not found.
    NOT_FOUND = 127,
}

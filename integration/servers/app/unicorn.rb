# unicorn keeps an inherited socket only if it is configured under its own
# address, and that differs from slot to slot.
require "socket"
inherited = Socket.for_fd(3)
inherited.autoclose = false
listen inherited.local_address.unix_path
worker_processes 4

"""A connection to one socket of an actor."""

import os
import time

import zmq

from . import wire
from .catalogue import LIMITS


# An end of tcp that is gone without a word is noticed.
TCP = ((zmq.CONNECT_TIMEOUT, 2000), (zmq.TCP_MAXRT, 5000), (zmq.TCP_KEEPALIVE, 1), (zmq.TCP_KEEPALIVE_IDLE, 2),
       (zmq.TCP_KEEPALIVE_INTVL, 1), (zmq.TCP_KEEPALIVE_CNT, 3))
SILENCE_S = 3.0  # without an answer before a producer takes a new connection


class Link:
    """A DEALER with a fresh identity; renew() makes a new one, so that old answers cannot come."""

    def __init__(self, context, endpoint):
        self.context, self.endpoint, self.socket = context, endpoint, None
        self.renew()

    def renew(self):
        self.close()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, b"python#" + os.urandom(8).hex().encode())
        for option, value in ((zmq.LINGER, 0), (zmq.SNDTIMEO, LIMITS["SEND_TIMEOUT_MS"]),
                              (zmq.SNDHWM, LIMITS["SOCKET_HWM"]), (zmq.RCVHWM, LIMITS["SOCKET_HWM"]),
                              (zmq.RECONNECT_IVL, 20), (zmq.RECONNECT_IVL_MAX, 500),
                              (zmq.MAXMSGSIZE, LIMITS["FRAME_BYTES_MAX"]), *TCP):
            self.socket.setsockopt(option, value)
        self.socket.connect(self.endpoint)
        self.heard = time.monotonic()  # a message, or that the connection is new

    def send(self, frames):
        try:
            self.socket.send_multipart(frames)
            return True
        except zmq.Again:
            return False

    def receive(self, timeout_s, wake=None):
        """The next message, or None. Frames that are not understood are passed over. With `wake`, a descriptor, it also
        returns as soon as that can be read."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                message = wire.unpack_message(self.socket.recv_multipart(zmq.NOBLOCK))
                self.heard = time.monotonic()
                return message
            except wire.Malformed:
                continue
            except zmq.Again:
                left_ms = int(1000 * (deadline - time.monotonic())) + 1
                if time.monotonic() >= deadline or self._wait(left_ms, wake):
                    return None

    def _wait(self, timeout_ms, wake):
        """Until something came. Is it time to give up?"""
        if wake is None:
            return not self.socket.poll(timeout_ms)
        came = dict(self._poller(wake).poll(timeout_ms))
        return self.socket not in came

    def _poller(self, wake):
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(wake, zmq.POLLIN)
        return poller

    def close(self):
        if self.socket is not None:
            self.socket.close(0)
            self.socket = None

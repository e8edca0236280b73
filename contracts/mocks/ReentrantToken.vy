# pragma version 0.4.3
"""
@title A token that calls back from within a transfer, and remembers what became of it
"""

MAX_CALLS: constant(uint256) = 20

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
target: address
calls: DynArray[Bytes[4096], MAX_CALLS]  # tried in this order during each transfer
entered: public(uint256)                 # that succeeded
refusals: DynArray[Bytes[256], MAX_CALLS]  # what the others were told, during the last transfer


@external
def arm(target: address, calls: DynArray[Bytes[4096], MAX_CALLS]):
    self.target = target
    self.calls = calls


@external
@view
def last_refusals() -> DynArray[Bytes[256], MAX_CALLS]:
    return self.refusals


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    self._call_back()
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    self.allowance[sender][msg.sender] -= amount
    self._call_back()
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount
    return True


@internal
def _call_back():
    self.refusals = []
    for data: Bytes[4096] in self.calls:
        success: bool = False
        answer: Bytes[256] = b""
        success, answer = raw_call(self.target, data, max_outsize=256, revert_on_failure=False)
        if success:
            self.entered += 1
        else:
            self.refusals.append(answer)

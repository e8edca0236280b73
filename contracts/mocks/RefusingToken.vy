# pragma version 0.4.3
"""
@title A token that refuses some accounts, and says so by returning false rather than by reverting
"""

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
refused: public(HashMap[address, bool])  # neither sends nor gets


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def set_refused(account: address, refused: bool):
    self.refused[account] = refused


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    return self._move(msg.sender, to, amount)


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    self.allowance[sender][msg.sender] -= amount
    return self._move(sender, to, amount)


@internal
def _move(sender: address, to: address, amount: uint256) -> bool:
    if self.refused[sender] or self.refused[to]:
        return False
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount
    return True

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Reward tokens as they are met on chain, over OpenZeppelin's ERC-20 where that allows it. Anyone may mint and anyone may
// set them up: for tests and demos alone.

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// Nothing but OpenZeppelin's: it reverts with errors of its own, where others return false.
contract PlainToken is ERC20 {
    constructor() ERC20("Plain", "PLAIN") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// As USDC and USDT: a millionth is the smallest part.
contract SixDecimalsToken is PlainToken {
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}

/// As USDT: transfers return nothing at all, so that a caller that decodes a boolean reverts.
contract NothingReturnedToken {
    uint8 public constant decimals = 6;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        // as USDT: an allowance is set from zero, or to zero
        require(amount == 0 || allowance[msg.sender][spender] == 0, "token: approved already");
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// As PAXG, or USDT if its owner so decided: a hundredth of each transfer is burnt.
contract FeeOnTransferToken is PlainToken {
    bool public takesFee;

    function setTakesFee(bool takes) external {
        takesFee = takes;
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = takesFee && from != address(0) ? amount / 100 : 0;
        super._update(from, to, amount - fee);
        if (fee != 0) super._update(from, address(0), fee);
    }
}

/// As USDC: nothing moves from or to an account on the list.
contract BlocklistToken is PlainToken {
    mapping(address => bool) public blocked;

    function setBlocked(address account, bool is_) external {
        blocked[account] = is_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!blocked[from] && !blocked[to], "token: account is blocked");
        super._update(from, to, amount);
    }
}

/// As ERC-777 and its like: each transfer calls out before it is done, and remembers how that went.
contract CallbackToken is PlainToken {
    address private target;
    bytes[] private calls;
    uint256 public entered;
    bytes[] private refusals;

    function arm(address target_, bytes[] calldata calls_) external {
        target = target_;
        delete calls;
        for (uint256 i; i < calls_.length; ++i) calls.push(calls_[i]);
    }

    /// What the calls that failed were told, during the last transfer.
    function lastRefusals() external view returns (bytes[] memory) {
        return refusals;
    }

    function _update(address from, address to, uint256 amount) internal override {
        delete refusals;
        for (uint256 i; i < calls.length; ++i) {
            (bool success, bytes memory answer) = target.call(calls[i]);
            if (success) ++entered;
            else refusals.push(answer);
        }
        super._update(from, to, amount);
    }
}

/// As stETH: accounts have shares of a pool, and balances follow from them, rounded down. Transfers move whole shares, rounded up.
contract SharesToken {
    uint8 public constant decimals = 18;
    uint256 public pool;
    uint256 private shares;
    mapping(address => uint256) private sharesOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        uint256 added = shares == 0 ? amount : amount * shares / pool;
        sharesOf[to] += added;
        shares += added;
        pool += amount;
    }

    function setPool(uint256 pool_) external {
        pool = pool_;
    }

    function balanceOf(address account) public view returns (uint256) {
        return sharesOf[account] * pool / shares;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        uint256 moved = (amount * shares + pool - 1) / pool;
        require(moved <= sharesOf[from], "token: too few shares");
        sharesOf[from] -= moved;
        sharesOf[to] += moved;
        return true;
    }
}

/// Says of an account what it is told to say.
contract LyingToken is PlainToken {
    mapping(address => uint256) private said;

    /// One more than what is said; 0 for the truth.
    function setSaid(address account, uint256 more) external {
        said[account] = more;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return said[account] == 0 ? super.balanceOf(account) : said[account] - 1;
    }
}

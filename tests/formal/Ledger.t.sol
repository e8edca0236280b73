// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bytecode} from "./Bytecode.sol";
import {Formal} from "./Formal.sol";

struct Account {
    uint256 due;
    uint256 seat;
    uint256 parts;
}

interface ILedger {
    function account_of(address) external view returns (Account memory);
    function load(uint256 seat) external view returns (Account memory);
    function store(Account calldata) external;
    function sunk() external view returns (uint256);
    function enrol(address, uint256 seat, uint256 parts) external;
    function open(address) external;
    function credit(address, uint256 amount) external;
    function credit_seat(uint256 seat, uint256 amount) external;
    function sink(uint256 amount) external;
    function miss(uint256 round, uint256 seats, uint256 part) external;
    function take(address, bool over, uint256 part) external returns (uint256, uint256);
}

/// Of a ledger in any state at all: what a move gives, another place loses, and nobody else's account changes.
contract LedgerTest is Formal {
    uint256 private constant SEATS = 32;
    ILedger private ledger;

    function setUp() public {
        ledger = ILedger(_create(Bytecode.LedgerMock()));
        svm.enableSymbolicStorage(address(ledger));
    }

    function _seat(uint256 seat) private view returns (bytes32) {
        Account memory a = ledger.load(seat);
        return keccak256(abi.encode(a.due, a.parts));
    }

    function check_store_keeps_what_it_is_given_and_touches_no_other(Account memory a, uint256 other) public {
        vm.assume(a.due < 2 ** 112 && a.parts < 2 ** 16 && a.seat >= 1 && a.seat <= SEATS);
        vm.assume(other < SEATS && other + 1 != a.seat);
        bytes32 beside = _seat(other);
        _must(address(ledger), abi.encodeCall(ILedger.store, (a)));
        assert(keccak256(abi.encode(ledger.load(a.seat - 1))) == keccak256(abi.encode(a)));
        assert(_seat(other) == beside);
    }

    function check_credit_seat_adds_the_amount_and_touches_no_other(uint256 seat, uint256 other, uint256 amount) public {
        vm.assume(seat < SEATS && other < SEATS && other != seat);
        Account memory before = ledger.load(seat);
        vm.assume(amount < 2 ** 112 - before.due);
        bytes32 beside = _seat(other);
        _must(address(ledger), abi.encodeCall(ILedger.credit_seat, (seat, amount)));
        Account memory now_ = ledger.load(seat);
        assert(now_.due == before.due + amount && now_.parts == before.parts);
        assert(_seat(other) == beside);
    }

    function check_credit_adds_the_amount_to_one_account(address account, address other, uint256 amount) public {
        vm.assume(account != other && amount < 2 ** 112);
        Account memory before = ledger.account_of(account);
        bytes32 beside = keccak256(abi.encode(ledger.account_of(other)));
        vm.assume(before.due < 2 ** 113);
        _must(address(ledger), abi.encodeCall(ILedger.credit, (account, amount)));
        assert(ledger.account_of(account).due == before.due + amount);
        assert(keccak256(abi.encode(ledger.account_of(other))) == beside);
    }

    function check_open_gives_nobody_anything(address account, address other) public {
        bytes32 before = keccak256(abi.encode(ledger.account_of(account), ledger.account_of(other), ledger.sunk()));
        _must(address(ledger), abi.encodeCall(ILedger.open, (account)));
        assert(keccak256(abi.encode(ledger.account_of(account), ledger.account_of(other), ledger.sunk())) == before);
    }

    /// Any of four seats: each loses one part, which is sunk, and nobody else loses anything.
    function check_miss_sinks_a_part_of_each_first_seat(uint256 round, uint256 four) public {
        _miss(round, four, 0);
    }

    function check_miss_sinks_a_part_of_each_last_seat(uint256 round, uint256 four) public {
        _miss(round, four, SEATS - 4);
    }

    function _miss(uint256 round, uint256 four, uint256 first) private {
        uint256 part = 7;
        vm.assume(four < 16);
        uint256 sunk = ledger.sunk();
        vm.assume(sunk < 2 ** 128);
        Account[4] memory before;
        for (uint256 i = 0; i < 4; i++) {
            before[i] = ledger.load(first + i);
            vm.assume(before[i].parts > 0);
        }
        bytes32 beside = _seat(20);
        _must(address(ledger), abi.encodeCall(ILedger.miss, (round, four << first, part)));
        uint256 missed;
        for (uint256 i = 0; i < 4; i++) {
            uint256 lost = (four >> i) & 1;
            Account memory left = ledger.load(first + i);
            assert(left.due == before[i].due && left.parts == before[i].parts - lost);
            missed += lost;
        }
        assert(ledger.sunk() == sunk + missed * part);
        assert(_seat(20) == beside);
    }

    function check_miss_without_a_part_changes_nothing(uint256 round, uint256 part) public {
        Account memory before = ledger.load(7);
        vm.assume(before.parts == 0);
        (bool ok, ) = address(ledger).call(abi.encodeCall(ILedger.miss, (round, 1 << 7, part)));
        assert(!ok);
    }

    function check_take_pays_what_was_due_once(address account, uint256 seat, uint256 other, bool over) public {
        uint256 part = 7; // times a count below 256
        vm.assume(seat < SEATS && other < SEATS && other != seat);
        _must(address(ledger), abi.encodeCall(ILedger.enrol, (account, seat, 5)));
        Account memory before = ledger.account_of(account);
        vm.assume(before.due < 2 ** 112);
        bytes32 beside = _seat(other);
        uint256 sunk = ledger.sunk();
        bytes memory answer = _must(address(ledger), abi.encodeCall(ILedger.take, (account, over, part)));
        (uint256 amount, uint256 parts) = abi.decode(answer, (uint256, uint256));
        Account memory now_ = ledger.account_of(account);
        assert(parts == (over ? before.parts * part : 0) && amount == before.due + parts);
        assert(now_.due == 0 && now_.parts == (over ? 0 : before.parts));
        assert(ledger.sunk() == sunk && _seat(other) == beside);
    }
}

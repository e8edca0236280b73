// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What halmos understands of Foundry's and its own cheat codes.
interface Vm {
    function assume(bool) external pure;
}

interface Svm {
    function enableSymbolicStorage(address) external;
    function createUint256(string calldata) external returns (uint256);
    function createBool(string calldata) external returns (bool);
}

/// Puts Vyper's bytecode on chain. A property fails by a failed `assert` alone: calls that must not revert go through `_must`.
abstract contract Formal {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Svm internal constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));

    function _create(bytes memory code) internal returns (address made) {
        assembly {
            made := create(0, add(code, 32), mload(code))
        }
        assert(made != address(0));
    }

    function _must(address target, bytes memory call) internal returns (bytes memory) {
        (bool ok, bytes memory answer) = target.call(call);
        assert(ok);
        return answer;
    }
}
